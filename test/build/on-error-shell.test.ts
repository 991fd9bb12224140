import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { Terminal } from "../terminal.ts";
import { writeFiles } from "./context-folder.ts";

describe("berth build --on-error=shell", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-on-error-"));
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));
  const build = (place: string, ...more: string[]) =>
    new Terminal(engine, ["build", "--on-error=shell", "--progress=plain", ...more, place]);

  it("opens a shell with the files, mounts, variables, user and directory of the step", async () => {
    const place = writeFiles(join(folder, "entered"), {
      "from-context": "bound",
      Dockerfile: `FROM busybox
RUN echo 'me:x:1000:1000::/home/me:/bin/sh' >> /etc/passwd && mkdir -p -m 777 /work
ENV SAID=so
WORKDIR /work
USER me
RUN --mount=type=bind,target=/context,rw --mount=type=cache,target=/cache,mode=0777 \\
    --mount=type=secret,id=s,mode=0444 --network=none \\
    echo half > made && echo kept > /cache/file; exit 7
`,
    });
    writeFiles(folder, { secret: "given" });
    const terminal = build(place, "--secret", `id=s,src=${join(folder, "secret")}`);
    await terminal.shows(/ended.*leave it|when you leave it/);
    await terminal.shows(/[$#] /);
    terminal.type(
      "echo $(id -un) $SAID $(pwd) $(cat made /cache/file /context/from-context /run/secrets/s)\r",
    );
    await terminal.shows(/me so \/work half kept bound ?given/);
    terminal.type("stty size; ls /sys/class/net | tr '\\n' ' '; echo .\r");
    await terminal.shows(/30 100[\s\S]*\blo \./);
    terminal.type("exit 3\r");
    assert.equal(await terminal.end(), 1);
    assert.match(
      terminal.text,
      /did not complete successfully: exit code: 7[\s\S]*>>> +RUN|ERROR: failed to build/,
    );
    await isGone();
  });

  it("brings busybox to an image without a shell", async () => {
    const place = writeFiles(join(folder, "bare"), {
      Dockerfile: `FROM busybox AS tools
FROM scratch
COPY --from=tools /bin/busybox /false
RUN ["/false", "false"]
`,
    });
    const terminal = build(place);
    await terminal.shows(/busybox is brought along[\s\S]*[$#] /);
    terminal.type("ls -d /false /.berth-shell*; exit\r");
    await terminal.shows(/\/\.berth-shell-[0-9a-f]+\s+\/false/);
    assert.equal(await terminal.end(), 1);
    await isGone();
  });

  it("leaves nothing when the client is killed, or the daemon", async () => {
    const place = writeFiles(join(folder, "killed"), {
      Dockerfile: "FROM busybox\nRUN echo 1 > /x; exit 1\n",
    });
    const first = build(place);
    await first.shows(/[$#] /);
    first.child.kill("SIGKILL");
    await isGone();
    const second = build(place);
    await second.shows(/[$#] /);
    await engine.restart("SIGKILL");
    assert.notEqual(await second.end(), 0);
    await isGone();
  });

  it("opens none for other errors, and refuses where there is no terminal", async () => {
    const wrong = writeFiles(join(folder, "wrong"), { Dockerfile: "FROM busybox\nCOPY nothing /\n" });
    const terminal = build(wrong);
    assert.equal(await terminal.end(), 1);
    assert.doesNotMatch(terminal.text, /leave it/);
    const piped = await engine.berth(["build", "--on-error=shell", wrong]);
    assert.equal(piped.code, 1);
    assert.match(piped.stderr, /the input device is not a TTY: --on-error=shell needs a terminal/);
    const other = await engine.berth(["build", "--on-error=retry", wrong]);
    assert.match(other.stderr, /invalid value "retry" for --on-error: use shell/);
    const input = await engine.berth(["build", "--on-error=shell", "-"], { input: "FROM busybox\n" });
    assert.match(input.stderr, /--on-error=shell needs the standard input/);
  });

  /** Of the step, as the engine's own check sees it. */
  async function isGone(): Promise<void> {
    const findings = await eventually(
      async () => (await engine.berth(["system", "check"])).stdout + (await running()),
      (text) => !/build/.test(text),
    );
    assert.doesNotMatch(findings, /build/);
  }

  async function running(): Promise<string> {
    const { stdout } = await engine.berth(["builder", "history", "ls"]);
    return /Running/i.test(stdout) ? "a build runs" : "";
  }
});
