import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectSsh, parseSshAddress, sshArguments } from "../../src/client/ssh.ts";
import { eventually, useEngine } from "../engine.ts";

describe("a host behind ssh", () => {
  it("is named as Docker names it, and no word of it is an option of ssh", () => {
    const script = (flags = "") =>
      `sh -c 'command -v berth >/dev/null 2>&1 && exec berth ${flags}system dial-stdio; exec docker ${flags}system dial-stdio'`;
    const always = ["-o", "ConnectTimeout=30", "-T"];
    for (const [host, words] of [
      ["ssh://there", [...always, "--", "there", script()]],
      ["ssh://me@there:2222", [...always, "-l", "me", "-p", "2222", "--", "there", script()]],
      [
        "ssh://me@[::1]/run/x.sock",
        [...always, "-l", "me", "--", "::1", script("--host unix:///run/x.sock ")],
      ],
      [
        "ssh://-oProxyCommand=x@-oProxyCommand=y",
        [...always, "-l", "-oProxyCommand=x", "--", "-oProxyCommand=y", script()],
      ],
    ] as const)
      assert.deepEqual(sshArguments(parseSshAddress(host)), words);
    for (const [host, words] of [
      ["ssh://me:secret@there", /plain-text password is not supported/],
      ["ssh://there?x=y", /extra query after the host: "x=y"/],
      ["ssh://there#x", /extra fragment after the host: "x"/],
      ["ssh://", /no host specified/],
      ["ssh://there/a';rm -rf x;'", /path of a socket expected/],
    ] as const)
      assert.throws(() => parseSshAddress(host), words);
  });

  it("is let go when this process exits", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bt-ssh-"));
    try {
      writeFileSync(join(folder, "ssh"), "#!/bin/sh\necho $$\nexec sleep 1000\n", { mode: 0o755 });
      const source = new URL("../../src/client/ssh.ts", import.meta.url).href;
      const program = `
        const { connectSsh, parseSshAddress } = await import(${JSON.stringify(source)});
        connectSsh(parseSshAddress("ssh://there")).on("data", (text) => {
          process.stdout.write(text, () => process.exit());
        });`;
      const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
        env,
      });
      const isThere = () => {
        const file = `/proc/${stdout.trim()}/stat`;
        return existsSync(file) && !readFileSync(file, "utf8").includes(") Z ");
      };
      assert.match(stdout, /^\d+\n$/);
      await eventually(isThere, (is) => !is);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is reached from a session of its own, which the keys of our terminal do not end", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bt-ssh-"));
    const path = process.env.PATH;
    const sessionOf = (stat: string) => Number(stat.slice(stat.lastIndexOf(")")).split(" ")[4]);
    try {
      writeFileSync(join(folder, "ssh"), "#!/bin/sh\nexec cat /proc/self/stat\n", { mode: 0o755 });
      process.env.PATH = `${folder}:${path}`;
      const stat = await text(connectSsh(parseSshAddress("ssh://there")));
      assert.equal(sessionOf(stat), Number.parseInt(stat, 10));
    } finally {
      process.env.PATH = path;
      rmSync(folder, { recursive: true });
    }
  });
});

describe("an engine behind ssh", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "bt-ssh-"));
  const path = process.env.PATH;
  const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const program = (name: string, text: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };

  before(() => {
    // What ssh does: it notes its options, and has a shell run the last word.
    program(
      "ssh",
      `echo "$@" >>${folder}/asked\nwhile [ "$1" != -- ]; do shift; done\n[ "$2" = there ] || { echo no such host >&2; exit 255; }\nexec sh -c "$3"`,
    );
    program("berth", `exec ${process.execPath} ${main} "$@"`);
    process.env.PATH = `${folder}:${path}`;
  });
  after(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  it("is asked, given input and followed as one that is here", async () => {
    const there = ["-H", "ssh://me@there:22"];
    const { stdout } = await engine.berth(
      [...there, "run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo over"],
      {
        input: "hello\n".repeat(5000),
      },
    );
    assert.equal(stdout, `${"hello\n".repeat(5000)}over\n`);
    assert.match(
      readFileSync(join(folder, "asked"), "utf8"),
      /^-o ConnectTimeout=30 -T -l me -p 22 -- there sh -c/,
    );
    const { code, stdout: made } = await engine.berth([...there, "create", "--name", "far", "busybox"]);
    assert.equal(code, 0);
    assert.equal(await berth("inspect", "-f", "{{.Id}}", "far"), made.trim());
    await berth("rm", "far");
  });

  it("that cannot be reached is told in one sentence, with what ssh says", async () => {
    const { code, stderr } = await engine.berth(["-H", "ssh://elsewhere", "ps"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error during connect: command \[ssh elsewhere\] has exited with exit status 255, .*stderr=no such host/,
    );
    assert.equal(stderr.trim().split("\n").length, 1);
  });
});
