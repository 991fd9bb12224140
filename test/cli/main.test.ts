import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { encodeFrame, streams } from "../../src/formats/stdcopy.ts";
import { json, serve, type TestServer } from "../client/server.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "berth-cli-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

function berth(
  args: string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<Result> {
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: folder,
    TZ: "UTC",
    BERTH_HOST: server?.host ?? "unix:///nowhere/berth.sock",
    ...options.env,
  };
  const child = spawn(process.execPath, ["--", main, ...args], { env, stdio: "pipe" });
  const result: Result = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    result.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    result.stderr += chunk;
  });
  child.stdin.end(options.input ?? "");
  return new Promise((resolve) => child.on("close", (code) => resolve({ ...result, code })));
}

const container = {
  Id: "8ed068b9147437fd6ba1b3e4857bcd1d3aae14054329f70345f26dfa0d26e157",
  Names: ["/web", "/other/alias"],
  Image: "busybox",
  ImageID: "sha256:eb0aa1a40e5710c66a24c6e288c3ae307567b0bff3e5b9dbe0493b08dfa44166",
  Command: "sleep 100000 and more words than fit",
  Created: 1_700_000_000,
  Ports: [
    { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 80, Type: "tcp" },
    { IP: "0.0.0.0", PrivatePort: 81, PublicPort: 81, Type: "tcp" },
    { IP: "::", PrivatePort: 22, PublicPort: 2222, Type: "tcp" },
    { PrivatePort: 443, Type: "tcp" },
  ],
  Labels: { b: "2", a: "<1>" },
  State: "running",
  Status: "Up 3 minutes (healthy)",
  HostConfig: { NetworkMode: "bridge" },
  NetworkSettings: { Networks: { bridge: {} } },
  Mounts: [],
};

test("ps shows a table, a template's lines, or objects of all fields", async () => {
  server = await serve((_request, response) => json(response, 200, [container]));
  const table = await berth(["ps", "--format", "table {{.ID}}\\t{{.Names}}\\t{{.Ports}}"]);
  assert.equal(
    table.stdout,
    "CONTAINER ID   NAMES     PORTS\n8ed068b91474   web       0.0.0.0:80-81->80-81/tcp, 443/tcp, [::]:2222->22/tcp\n",
  );
  const template = '{{.ID}} {{.Command}} {{.CreatedAt}} {{.Label "a"}} {{.Labels}} {{.HealthStatus}}';
  const plain = await berth(["ps", "--no-trunc", "--format", template]);
  const command = '"sleep 100000 and more words than fit"';
  assert.equal(
    plain.stdout,
    `${container.Id} ${command} 2023-11-14 22:13:20 +0000 UTC <1> a=<1>,b=2 healthy\n`,
  );
  const object = JSON.parse((await berth(["ps", "--format", "json"])).stdout);
  assert.equal(object.Command, '"sleep 100000 and mo…"');
  assert.deepEqual(Object.keys(object), Object.keys(object).sort());
  const quiet = await berth(["ps", "-q", "--format", "{{.Names}}"]);
  assert.match(quiet.stdout, /^[0-9a-f]{12}\n/);
  assert.equal(quiet.stderr, "WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
  assert.deepEqual(await berth(["ps", "--format", "{{.Foo}}"]), {
    code: 1,
    stdout: "",
    stderr:
      'failed to execute template: template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *formatter.ContainerContext\n',
  });
});

test("what fails is told, what does not goes on", async () => {
  server = await serve((request, response) => {
    if (request.url?.includes("bad")) json(response, 404, { message: "No such container: bad" });
    else response.writeHead(204).end();
  });
  assert.deepEqual(await berth(["rm", "bad", "good"]), {
    code: 1,
    stdout: "good\n",
    stderr: "Error response from daemon: No such container: bad\n",
  });
});

test("a wrong command line is explained, and nothing is asked of the daemon", async () => {
  const refused: [string[], number, RegExp][] = [
    [
      ["ps", "--foo"],
      125,
      /^unknown flag: --foo\n\nUsage: {2}berth ps \[OPTIONS\]\n\nRun 'berth ps --help' for more information\n$/,
    ],
    [
      ["rename", "a"],
      1,
      /^berth: 'berth rename' requires 2 arguments\n\nUsage: {2}berth rename CONTAINER NEW_NAME\n/,
    ],
    [["foo"], 1, /^berth: unknown command: berth foo\n\nRun 'berth --help' for more information\n$/],
    [
      ["imges"],
      1,
      /^berth: unknown command: berth imges\n\nDid you mean this\?\n\tberth images\n\nRun 'berth --help' for more/,
    ],
    [
      ["imges", "-a"],
      125,
      /^unknown shorthand flag: 'a' in -a\n\nDid you mean this\?\n\tberth images\n\nUsage: /,
    ],
    [["container", "strat", "x"], 1, /\n\nDid you mean this\?\n\tberth container start\n/],
    [["run", "--it", "x"], 125, /^unknown flag: --it\n\nDid you mean this\?\n\t-it\n\nUsage: {2}berth run /],
    [["run", "-name", "x"], 125, /^unknown shorthand flag: 'n' in -name\n\nDid you mean this\?\n\t--name\n/],
    [
      ["run", "--default-ulimit", "x"],
      125,
      /\n\n--default-ulimit is a flag of the daemon\. Did you mean --ulimit\?\n/,
    ],
    [["swarm", "init"], 1, /^berth: 'berth swarm' is not yet supported\n$/],
    [
      ["run", "--memory-swappiness", "200", "busybox"],
      125,
      /^berth: invalid value: 200\. Valid memory swappiness/,
    ],
    [
      ["run", "-d", "-a", "stdout", "busybox"],
      1,
      /^conflicting options: cannot specify both --attach and --detach\n$/,
    ],
    [["run", "-it", "busybox"], 1, /^the input device is not a TTY\n$/],
    [
      ["create", "-m", "1x", "busybox"],
      125,
      /^invalid argument "1x" for "-m, --memory" flag: invalid suffix: 'x'\n/,
    ],
    [
      ["create", "--ulimit", "nofile=abc", "busybox"],
      125,
      /^invalid argument "nofile=abc" for "--ulimit" flag: strconv\.ParseInt: parsing "abc": invalid syntax\n/,
    ],
    [["create", "--mount", "", "busybox"], 125, /^invalid argument "" for "--mount" flag: EOF\n/],
    [
      ["create", "--expose", "70000", "busybox"],
      125,
      /^berth: invalid range format for --expose: 70000, error: strconv\.ParseUint: parsing "70000": value out of range\n/,
    ],
    [
      ["create", "--expose", "", "busybox"],
      125,
      /^berth: invalid range format for --expose: , error: empty string/,
    ],
    [
      ["run", "--pull", "abc", "busybox"],
      125,
      /^berth: invalid pull option: 'abc': must be one of "always", "missing" or "never"\n\nRun 'berth run --help'/,
    ],
    [
      ["create", "--platform", "foobar", "busybox"],
      1,
      /^error parsing specified platform: "foobar": unknown oper/,
    ],
    [
      ["create", "UPPER"],
      1,
      /^invalid reference format: repository name \(library\/UPPER\) must be lowercase\n$/,
    ],
    [
      ["run", "UPPER"],
      125,
      /^berth: invalid reference format: repository name \(library\/UPPER\) must be lower/,
    ],
    [
      ["create", "--cpu-count", "2", "busybox"],
      1,
      /^"--cpu-count" is only supported on a Docker daemon running on w/,
    ],
    [["commit", " "], 1, /^invalid container name or ID: value is empty\n$/],
    [
      ["events", "--format", "{{.Nosuch}}"],
      64,
      /^Error parsing format: template: :1:2: executing "" at <\.Nosuch>: can't evaluate field Nosuch in type \*events\.Message\n$/,
    ],
    [
      ["ps"],
      1,
      /^Cannot connect to the Docker daemon at unix:\/\/\/nowhere\/berth\.sock\. Is the docker daemon running\?\n$/,
    ],
  ];
  const results = await Promise.all(refused.map(([args]) => berth(args)));
  for (const [index, [args, code, message]] of refused.entries()) {
    assert.equal(results[index]?.code, code, args.join(" "));
    assert.match(results[index]?.stderr ?? "", message, args.join(" "));
  }
});

/** A daemon with one container, whose streams and exit code are as told. */
async function serveRun(options: {
  exitCode: number;
  startError?: string;
  echo?: boolean;
  warnings?: string[];
}) {
  const order: string[] = [];
  let exit: () => void = () => undefined;
  server = await serve(
    (request, response) => {
      const url = request.url ?? "";
      const step = url.split("?")[0]?.replace(/^\/containers\/(c1\/)?/, "") ?? "";
      order.push(`${request.method} ${step}`);
      if (step === "create") json(response, 201, { Id: "c1", Warnings: options.warnings ?? [] });
      else if (step === "wait") {
        response.writeHead(200);
        response.flushHeaders();
        exit = () => response.end(JSON.stringify({ StatusCode: options.exitCode }));
      } else if (step === "start" && options.startError !== undefined) {
        json(response, 400, { message: options.startError });
        exit();
      } else {
        response.writeHead(204).end();
        started();
      }
    },
    (request, socket) => {
      order.push(`${request.method} attach`);
      socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
      started = () => {
        if (options.echo) {
          socket.on("data", (chunk) => socket.write(encodeFrame(streams.stdout, chunk)));
          socket.on("end", () => socket.end(exit));
        } else {
          socket.write(encodeFrame(streams.stdout, Buffer.from("out\n")));
          socket.write(encodeFrame(streams.stderr, Buffer.from("err\n")));
          socket.end(exit);
        }
      };
    },
  );
  let started: () => void = () => undefined;
  return order;
}

test("a file that cannot be used is told in Docker's words", async () => {
  server = await serve((_, response) => response.writeHead(200).end());
  const loop = path.join(folder, "loop");
  symlinkSync(loop, loop);
  const result = await berth(["load", "-i", loop]);
  assert.equal(result.code, 1);
  assert.equal(result.stderr, `stat ${loop}: too many levels of symbolic links\n`);
  const secure = await berth(["--tlsverify", "--tlscacert", "/nope.pem", "-H", "tcp://127.0.0.1:9", "ps"]);
  assert.equal(secure.stderr, "open /nope.pem: no such file or directory\n");
});

test("run attaches and waits before it starts, keeps the streams apart and exits as the container does", async () => {
  const order = await serveRun({ exitCode: 7, warnings: ["Your kernel is old."] });
  const result = await berth(["run", "--rm", "-e", "HOME", "-e", "NOPE", "busybox", "sh", "-c", "exit 7"]);
  assert.deepEqual(result, { code: 7, stdout: "out\n", stderr: "WARNING: Your kernel is old.\nerr\n" });
  assert.deepEqual(order, ["POST create", "POST attach", "POST wait", "POST start"]);
  const wait = server?.requests.find(({ url }) => url.includes("/wait"));
  assert.match(wait?.url ?? "", /condition=removed/);
  const body = JSON.parse(server?.requests[0]?.body ?? "");
  assert.deepEqual(body.Env, [`HOME=${folder}`, "NOPE"]);
  assert.deepEqual(body.Cmd, ["sh", "-c", "exit 7"]);
  assert.equal(body.HostConfig.AutoRemove, true);
});

test("run -i ends when its input does", async () => {
  await serveRun({ exitCode: 0, echo: true });
  const result = await berth(["run", "-i", "busybox", "cat"], { input: "through\n" });
  assert.deepEqual(result, { code: 0, stdout: "through\n", stderr: "" });
});

test("a command that cannot be started gives 127, 126 or 125", async () => {
  const failures: [string, number][] = [
    ['exec: "nope": executable file not found in $PATH', 127],
    ['exec: "/tmp": permission denied', 126],
    ["no space left on device", 125],
  ];
  for (const [message, code] of failures) {
    await serveRun({ exitCode: 0, startError: message });
    const result = await berth(["run", "busybox", "x"]);
    assert.equal(result.code, code, message);
    assert.equal(
      result.stderr,
      `berth: Error response from daemon: ${message}\n\nRun 'berth run --help' for more information\n`,
    );
    await server?.close();
  }
  server = undefined;
});

test("run -d prints the id; the id also goes to the file of --cidfile, which must not be there before", async () => {
  await serveRun({ exitCode: 0 });
  const cidfile = path.join(folder, "cid");
  const args = ["run", "-d", "--cidfile", cidfile, "busybox"];
  assert.deepEqual(await berth(args), { code: 0, stdout: "c1\n", stderr: "" });
  assert.equal(readFileSync(cidfile, "utf8"), "c1");
  const again = await berth(args);
  assert.equal(again.code, 125);
  assert.match(again.stderr, /container ID file found/);
});

test("the settings of config.json are honoured, and a broken one is only a warning", async () => {
  server = await serve((_request, response) => json(response, 200, [container]));
  const config = mkdtempSync(path.join(folder, "config-"));
  const file = path.join(config, "config.json");
  writeFileSync(file, JSON.stringify({ psFormat: "{{.Names}}!", HttpHeaders: { "X-Test": "1" } }));
  assert.equal((await berth(["--config", config, "ps"])).stdout, "web!\n");
  assert.equal(server.requests[0]?.headers["x-test"], "1");
  assert.equal((await berth(["ps", "-q"], { env: { DOCKER_CONFIG: config } })).stdout, "8ed068b91474\n");
  writeFileSync(file, "{broken");
  const broken = await berth(["--config", config, "ps", "-q"]);
  assert.equal(broken.stdout, "8ed068b91474\n");
});

test("inspect prints what it found, then what it did not", async () => {
  server = await serve((request, response) => {
    const isThere = request.url?.startsWith("/networks/net");
    if (isThere) json(response, 200, { Name: "net", Id: "n1", Options: {} });
    else json(response, 404, { message: "no" });
  });
  assert.deepEqual(await berth(["inspect", "nope", "net"]), {
    code: 1,
    stdout: '[\n    {\n        "Name": "net",\n        "Id": "n1",\n        "Options": {}\n    }\n]\n',
    stderr: "Error: No such object: nope\n",
  });
  const typed = await berth(["inspect", "-f", "{{.ID}} {{.Options}} {{.Labels.x}} {{.Internal}}", "net"]);
  assert.equal(typed.stdout, "n1 map[] <no value> false\n");
  assert.equal((await berth(["inspect", "-f", "{{.ID", "net"])).code, 64);
});

test("prune asks, and does nothing unless told yes", async () => {
  server = await serve((_request, response) =>
    json(response, 200, { ContainersDeleted: ["c1"], SpaceReclaimed: 1500 }),
  );
  const question =
    "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
  assert.deepEqual(await berth(["container", "prune"], { input: "n\n" }), {
    code: 0,
    stdout: question,
    stderr: "",
  });
  assert.equal(server.requests.length, 0);
  const yes = await berth(["container", "prune"], { input: "y\n" });
  assert.equal(yes.stdout, `${question}Deleted Containers:\nc1\n\nTotal reclaimed space: 1.5kB\n`);
});

test("every command has a help, and every command of the table can be loaded", async () => {
  const { commands } = await import("../../src/cli/table.ts");
  const { formatCommandHelp } = await import("../../src/cli/help.ts");
  for (const [name, entry] of Object.entries(commands)) {
    if (entry.load === undefined) continue;
    const { command } = await entry.load();
    const help = formatCommandHelp(name, name, command, 80);
    assert.ok(help.startsWith(`Usage:  berth ${name}`), name);
    const shorts = Object.values(command.spec.flags)
      .map((flag) => flag.short)
      .filter((short) => short !== "");
    assert.equal(new Set(shorts).size, shorts.length, `${name} has a short flag twice`);
  }
  const help = await berth(["exec", "--help"]);
  assert.equal(help.code, 0);
  assert.match(
    help.stdout,
    /^Usage: {2}berth exec \[OPTIONS\] CONTAINER COMMAND \[ARG\.\.\.\]\n\nExecute a command/,
  );
});
