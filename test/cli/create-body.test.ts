import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { createBody } from "../../src/cli/container/create-body.ts";
import { createFlags } from "../../src/cli/container/create-flags.ts";
import { parseFlags } from "../../src/cli/parse-flags.ts";

type Body = Record<string, unknown> & { HostConfig: Record<string, unknown> };

/** What docker 28.2 sends: for no flags at all, and what each command line changes in that. */
const recorded: { base: Body; cases: { args: string[]; changes: Record<string, unknown> }[] } = JSON.parse(
  readFileSync(new URL("./create-bodies.json", import.meta.url), "utf8"),
);

function bodyFor(args: string[]): Body {
  const { values, given, args: rest } = parseFlags(createFlags, args, { interspersed: false });
  const [image = "", ...command] = rest;
  const body = createBody({ flags: values, given, image, command, env: {}, apiSocket: "/run/berth.sock" });
  return JSON.parse(JSON.stringify(body));
}

function changesOf(body: Body): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  const compare = (prefix: string, before: Record<string, unknown>, after: Record<string, unknown>) => {
    for (const [key, value] of Object.entries(after)) {
      if (prefix === "" && key === "HostConfig") continue;
      if (!isDeepStrictEqual(before[key], value)) changes[prefix + key] = value;
    }
  };
  compare("", recorded.base, body);
  compare("HostConfig.", recorded.base.HostConfig, body.HostConfig);
  if (Array.isArray(changes.Env)) changes.Env.sort();
  if (Array.isArray(changes["HostConfig.Binds"])) changes["HostConfig.Binds"].sort();
  return changes;
}

test("without flags the body is what Docker sends", () => {
  assert.deepEqual(bodyFor(["busybox"]), recorded.base);
});

for (const { args, changes } of recorded.cases) {
  test(`the body is what Docker sends for: ${args.join(" ")}`, () => {
    assert.deepEqual(changesOf(bodyFor(args)), changes);
  });
}

test("a volume that is said twice is one", () => {
  const { HostConfig, Volumes } = bodyFor(["-v", "/a:/b", "-v", "/c", "-v", "/a:/b", "-v", "/c", "busybox"]);
  assert.deepEqual([HostConfig.Binds, Volumes], [["/a:/b"], { "/c": {} }]);
});

const refused: [string, string][] = [
  ["--no-healthcheck --health-cmd x", "--no-healthcheck conflicts with --health-* options"],
  ["--memory-swappiness 200", "invalid value: 200. Valid memory swappiness range is 0-100"],
  ["--rm --restart always", "conflicting options: cannot specify both --restart and --rm"],
  ["--restart a:b:c", "invalid restart policy format: maximum retry count must be an integer"],
  ["--pid x", "--pid: invalid PID mode"],
  ["--uts x", "--uts: invalid UTS mode"],
  ["--mac-address x", "x is not a valid mac address"],
  ["--storage-opt x", "invalid storage option"],
  ["--device x:y:z", "bad mode specified: z"],
  ["-v :/b", "invalid spec: :/b: empty section between colons"],
  ["--security-opt x", 'Invalid --security-opt: "x"'],
  [
    "--security-opt seccomp=/nope",
    "opening seccomp profile (/nope) failed: open /nope: no such file or directory",
  ],
  ["--env-file /nope", "open /nope: no such file or directory"],
  ["--network a --network a", 'network "a" is specified multiple times'],
  ["--gpus x=y", `invalid argument "x=y" for "--gpus" flag: unexpected key 'x' in 'x=y'`],
  ["--add-host x", 'invalid argument "x" for "--add-host" flag: bad format for add-host: "x"'],
  ["--sysctl a=b", `invalid argument "a=b" for "--sysctl" flag: sysctl 'a=b' is not allowed`],
  ["--ulimit foo=1", 'invalid argument "foo=1" for "--ulimit" flag: invalid ulimit type: foo'],
  ["--ulimit x", 'invalid argument "x" for "--ulimit" flag: invalid ulimit argument: x'],
  ["--device-read-bps x", 'invalid argument "x" for "--device-read-bps" flag: bad format: x'],
  ["--device /dev/null:rel", "rel is not an absolute path"],
  ["--device /dev/null:rel:r", "rel is not an absolute path"],
  ["--device :/x", "bad format for path: :/x"],
  ["--dns-search a_b", 'invalid argument "a_b" for "--dns-search" flag: a_b is not a valid domain'],
  ["--cpus 1/3", 'invalid argument "1/3" for "--cpus" flag: value is too precise'],
  ["--cpus x", 'invalid argument "x" for "--cpus" flag: failed to parse x as a rational number'],
  [
    "--blkio-weight 65536",
    'invalid argument "65536" for "--blkio-weight" flag: strconv.ParseUint: parsing "65536": value out of range',
  ],
  [
    "--cpu-shares 9223372036854775808",
    'invalid argument "9223372036854775808" for "-c, --cpu-shares" flag: strconv.ParseInt: parsing "9223372036854775808": value out of range',
  ],
  [
    "--network a --network bridge",
    "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
  ],
  ["--network=", "no name set for network"],
  ["-v=", "invalid empty volume spec"],
  ["-p 80-", "invalid containerPort: 80-"],
  ["--dns x", 'invalid argument "x" for "--dns" flag: IP address is not correctly formatted: x'],
  ["-e =x", 'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'],
];

for (const [line, message] of refused) {
  test(`${line} is refused: ${message}`, () => {
    assert.throws(() => bodyFor([...line.split(" "), "busybox"]), { message });
  });
}
