import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { eventually, output, useEngine } from "../engine.ts";
import { Terminal } from "../terminal.ts";

describe("a terminal", () => {
  const { engine, berth } = useEngine();

  it("has the size of the user's, takes input and gives back the exit code", async () => {
    const terminal = new Terminal(engine, ["run", "--rm", "-it", "busybox", "sh"]);
    await terminal.shows(/# /);
    terminal.type("stty size; echo $((6*7))\r");
    await terminal.shows(/30 100[\s\S]*42/);
    terminal.type("exit 9\r");
    assert.equal(await terminal.end(), 9);
  });

  it("is the user's also for enter, in the container's shell", async () => {
    await berth("run", "-d", "--init", "--name", "entered", "busybox", "sleep", "1000");
    const terminal = new Terminal(engine, ["enter", "entered"]);
    await terminal.shows(/# /);
    terminal.type("stty size; exit 4\r");
    await terminal.shows(/30 100/);
    assert.equal(await terminal.end(), 4);
  });

  it("passes Ctrl-C to the process inside", async () => {
    const terminal = new Terminal(engine, [
      "run",
      "--rm",
      "-it",
      "busybox",
      "sh",
      "-c",
      'trap "echo caught; exit 4" INT; echo ready; while :; do sleep 0.1; done',
    ]);
    await terminal.shows(/ready/);
    terminal.type("\x03");
    await terminal.shows(/caught/);
    assert.equal(await terminal.end(), 4);
  });

  it("detaches with Ctrl-P Ctrl-Q and leaves the container running; attach comes back", async () => {
    const first = new Terminal(engine, ["run", "-it", "--name", "kept", "busybox", "sh"]);
    await first.shows(/# /);
    first.type("\x10\x11");
    await first.end();
    assert.equal(await berth("inspect", "-f", "{{.State.Running}}", "kept"), "true");
    const second = new Terminal(engine, ["attach", "--detach-keys", "ctrl-x,q", "kept"]);
    second.type("\r");
    await second.shows(/# /);
    second.type("echo again$((1+1))\r");
    await second.shows(/again2/);
    second.type("\x18q");
    await second.end();
    assert.equal(await berth("inspect", "-f", "{{.State.Running}}", "kept"), "true");
    await berth("rm", "-f", "kept");
  });

  it("follows a resize while it runs", async () => {
    const terminal = new Terminal(engine, ["run", "--rm", "-it", "--name", "sized", "busybox", "sh"]);
    await terminal.shows(/# /);
    const id = await berth("inspect", "-f", "{{.Id}}", "sized");
    assert.equal((await engine.api("POST", `/containers/${id}/resize?h=11&w=77`)).status, 200);
    terminal.type("stty size\r");
    await terminal.shows(/11 77/);
    terminal.type("exit\r");
    await terminal.end();
  });

  it("is given to an exec as well", async () => {
    await berth("run", "-d", "--name", "shell", "busybox", "sleep", "1000");
    const terminal = new Terminal(engine, ["exec", "-it", "shell", "sh"]);
    await terminal.shows(/# /);
    terminal.type("tty; exit 3\r");
    await terminal.shows(/\/dev\/pts\/\d/);
    assert.equal(await terminal.end(), 3);
    await berth("rm", "-f", "shell");
  });

  it("is asked for only where there is one", async () => {
    const result = await engine.berth(["run", "--rm", "-it", "busybox", "true"]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /the input device is not a TTY/);
  });
});

describe("attached clients", () => {
  const { engine, berth } = useEngine();

  it("see the same output", async () => {
    await berth(
      "run",
      "-d",
      "-i",
      "--name",
      "shared",
      "busybox",
      "sh",
      "-c",
      "read x; for i in 1 2 3; do echo $x $i; done; sleep 0.3",
    );
    const clients = [1, 2].map(() => berth("attach", "--no-stdin", "shared"));
    const attached = async () => {
      const filters = encodeURIComponent(JSON.stringify({ container: ["shared"], event: ["attach"] }));
      const until = Date.now() / 1000;
      const { body } = await engine.api("GET", `/events?since=0&until=${until}&filters=${filters}`);
      return body.split("\n").filter(Boolean).length;
    };
    await eventually(attached, (count) => count === clients.length);
    await engine.berth(["attach", "shared"], { input: "hello\n" });
    assert.deepEqual(await Promise.all(clients), ["hello 1\nhello 2\nhello 3", "hello 1\nhello 2\nhello 3"]);
    await berth("rm", "-f", "shared");
  });

  it("hold up neither the container nor each other when one does not read", async () => {
    await berth(
      "run",
      "-d",
      "-i",
      "--name",
      "flood",
      "busybox",
      "sh",
      "-c",
      "read x; head -c 30000000 /dev/zero | tr '\\0' 'x'; echo done >/done; sleep 1000",
    );
    const id = await berth("inspect", "-f", "{{.Id}}", "flood");
    const stuck = connect(engine.host.slice("unix://".length));
    stuck.write(
      `POST /containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    );
    await new Promise((resolve) => stuck.once("readable", resolve));
    stuck.pause();
    const ok = engine.berth(["attach", "flood"], { input: "go\n" }).catch(() => undefined);
    await eventually(
      () => engine.berth(["exec", "flood", "cat", "/done"]),
      ({ stdout }) => stdout === "done\n",
    );
    let received = 0;
    stuck.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    stuck.resume();
    await eventually(
      () => received,
      (bytes) => bytes > 30_000_000,
    );
    stuck.destroy();
    await berth("rm", "-f", "flood");
    await ok;
  });

  it("send nothing more into a container whose input has ended", async () => {
    assert.equal(
      await output(engine.berth, ["run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo end"], ""),
      "end",
    );
  });
});
