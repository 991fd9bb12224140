import assert from "node:assert/strict";
import { chmodSync, chownSync, statSync } from "node:fs";
import { after, describe, it } from "node:test";
import { encodeFrame, streams } from "../../src/formats/stdcopy.ts";
import { eventually, supervisorOf, type TestEngine, useEngine } from "../engine.ts";
import { countConnections, head, openRaw } from "../raw-connection.ts";

const upgrade = ["Connection: Upgrade", "Upgrade: tcp"];
const frame = (text: string, stream: number = streams.stdout) =>
  encodeFrame(stream, Buffer.from(text)).toString("latin1");
const bodyOf = (answer: string) => answer.slice(answer.indexOf("\r\n\r\n") + 4);

async function createExec(engine: TestEngine, container: string, body: object): Promise<string> {
  const answer = await engine.api("POST", `/containers/${container}/exec`, body);
  assert.equal(answer.status, 201, answer.body);
  return JSON.parse(answer.body).Id;
}

describe("a request with an upgrade header for what upgrades nothing", () => {
  const { engine, berth } = useEngine();
  const offered = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"];

  it("is answered like any other, and leaves no descriptor behind", async () => {
    await berth("run", "--name", "ended", "busybox", "echo", "hello");
    const requests: [method: string, path: string, status: RegExp, body?: string][] = [
      ["GET", "/_ping", /^HTTP\/1.1 200 .*OK$/s],
      ["GET", "http://any.host/_ping", /^HTTP\/1.1 200 .*OK$/s],
      ["GET", "/_ping#there", /^HTTP\/1.1 200 .*OK$/s],
      ["GET", "/containers/ended/logs?stdout=1", /^HTTP\/1.1 200 .*hello\n/s],
      ["GET", "/containers/ended/export", /^HTTP\/1.1 200 .*bin\/busybox/s],
      ["GET", "/containers/ended/archive?path=/etc", /^HTTP\/1.1 200 .*etc\/hosts/s],
      ["GET", "/images/get?names=busybox", /^HTTP\/1.1 200 .*manifest.json/s],
      ["GET", "/events?since=1&until=2", /^HTTP\/1.1 200 /],
      ["POST", "/containers/ended/wait", /^HTTP\/1.1 200 .*"StatusCode":0/s],
      ["OPTIONS", "/containers/json", /^HTTP\/1.1 \d\d\d /],
      ["POST", "/nothing/here", /^HTTP\/1.1 404 .*page not found/s, '{"a":1}'],
      ["POST", "/volumes/create", /^HTTP\/1.1 201 .*"Name":"upgraded"/s, '{"Name":"upgraded"}'],
    ];
    const before = countConnections(engine.pid());
    for (const [method, path, expected, body] of requests) {
      const connection = await openRaw(engine, head(method, path, offered, body));
      await connection.shows(expected);
      connection.socket.destroy();
    }
    await eventually(
      () => countConnections(engine.pid()),
      (count) => count <= before,
    );
    await berth("volume", "rm", "upgraded");
    await berth("rm", "ended");
  });
});

describe("a connection that is kept", () => {
  const { engine } = useEngine();

  it("answers again, and is given no time after which it would end", async () => {
    const connection = await openRaw(engine, head("GET", "/_ping"));
    await connection.shows(/^HTTP\/1.1 200 .*OK$/s);
    assert.doesNotMatch(connection.received(), /keep-alive: timeout/i);
    connection.socket.write(head("HEAD", "/_ping"));
    await connection.shows(/OKHTTP\/1.1 200 /s);
    connection.socket.destroy();
  });
});

describe("a connection that is taken over", () => {
  const { engine, berth } = useEngine();

  it("is one both ways, whichever headers the client sends, and with input right behind the head", async () => {
    await berth("run", "-d", "--name", "cat", "busybox", "sleep", "1000");
    const body = '{"Tty":false}';
    const asked = /^HTTP\/1.1 101 UPGRADED\r\nContent-Type: application\/vnd.docker.multiplexed-stream\r\n/;
    const unasked = /^HTTP\/1.1 200 OK\r\nContent-Type: application\/vnd.docker.raw-stream\r\n\r\n/;
    const forms: [headers: string[], answer: RegExp][] = [
      [upgrade, asked],
      [["Upgrade: tcp"], asked],
      [["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"], asked],
      [[], unasked],
      [["Connection: close"], unasked],
    ];
    for (const [headers, answer] of forms) {
      const id = await createExec(engine, "cat", { Cmd: ["cat"], AttachStdin: true, AttachStdout: true });
      const connection = await openRaw(engine, `${head("POST", `/exec/${id}/start`, headers, body)}early `);
      await connection.shows(/early /);
      connection.socket.end("late");
      const text = await connection.ended();
      assert.match(text, answer);
      assert.equal(bodyOf(text), frame("early ") + frame("late"), headers.join());
    }
    await berth("rm", "-f", "cat");
  });

  it("is one after another request on the same connection", async () => {
    await berth("run", "-d", "-i", "--name", "second", "busybox", "cat");
    const connection = await openRaw(engine, head("GET", "/_ping"));
    await connection.shows(/OK$/);
    connection.socket.write(`${head("POST", "/containers/second/attach?stream=1&stdin=1&stdout=1")}hello`);
    await connection.shows(/vnd.docker.raw-stream\r\n\r\n/);
    await connection.shows(/hello$/);
    connection.socket.destroy();
    await berth("rm", "-f", "second");
  });

  it("is refused as a raw stream", async () => {
    await berth("run", "-d", "--name", "refusing", "busybox", "sleep", "1000");
    const refuse = async (path: string) =>
      (await openRaw(engine, head("POST", path, ["Connection: close"]))).ended();
    const missing = await refuse("/containers/nosuch/attach?stream=1");
    assert.match(missing, /^HTTP\/1.1 404 Not Found\r\n.*Content-Type: application\/vnd.docker.raw-stream/s);
    assert.equal(bodyOf(missing), "No such container: nosuch\r\n");
    const wrongKeys = await refuse("/containers/refusing/attach?stream=1&detachKeys=ctrl-A,a");
    assert.match(wrongKeys, /^HTTP\/1.1 400 /);
    assert.equal(bodyOf(wrongKeys), "Invalid detach keys (ctrl-A,a) provided\r\n");
    await berth("rm", "-f", "refusing");
  });

  it("may have its input ended right after the head", async () => {
    await berth("create", "-i", "--name", "empty", "busybox", "cat");
    const attached = await openRaw(
      engine,
      head("POST", "/containers/empty/attach?stream=1&stdin=1&stdout=1", upgrade),
    );
    await attached.shows(/^HTTP\/1.1 101 /);
    attached.socket.end();
    await berth("start", "empty");
    await attached.ended();
    assert.equal(await berth("wait", "empty"), "0");
    await berth("rm", "empty");

    await berth("run", "-d", "--name", "busy", "busybox", "sleep", "1000");
    for (const headers of [upgrade, []]) {
      const id = await createExec(engine, "busy", { Cmd: ["cat"], AttachStdin: true, AttachStdout: true });
      const connection = await openRaw(engine, head("POST", `/exec/${id}/start`, headers, "{}"));
      connection.socket.end();
      await connection.ended();
      assert.equal(JSON.parse((await engine.api("GET", `/exec/${id}/json`)).body).ExitCode, 0);
    }
    await berth("rm", "-f", "busy");
  });

  it("is given back when its client has vanished, without a word of the container", async () => {
    await berth("run", "-d", "-i", "--name", "silent", "busybox", "sleep", "1000");
    const pids = [engine.pid(), supervisorOf(engine)];
    const before = pids.map(countConnections);
    const attach = head("POST", "/containers/silent/attach?stream=1&stdin=1&stdout=1", upgrade);
    const clients = await Promise.all(Array.from({ length: 20 }, () => openRaw(engine, attach)));
    for (const client of clients) await client.shows(/^HTTP\/1.1 101 /);
    const listening = await openRaw(
      engine,
      head("POST", "/containers/silent/attach?stream=1&stdout=1", upgrade),
    );
    await listening.shows(/^HTTP\/1.1 101 /);
    // It has said all it had to say, and still listens.
    listening.socket.end();
    // Whoever gives input that may go on ends the output with it, as with Docker.
    const [speaking, ...vanishing] = clients;
    speaking!.socket.end();
    await speaking!.ended();
    assert.ok(pids.every((pid, n) => countConnections(pid) >= before[n]! + clients.length));
    for (const { socket } of vanishing) socket.destroy();
    await eventually(
      () => pids.map(countConnections),
      (counts) => counts.every((count, n) => count <= before[n]! + 2),
    );
    assert.ok(!listening.socket.readableEnded);
    await berth("rm", "-f", "silent");
    await listening.ended();
  });

  it("is given back when its client vanishes before the start, whatever it had sent and left unsaid", async () => {
    await berth("create", "-i", "--name", "waiting", "busybox", "sleep", "1000");
    const before = countConnections(engine.pid());
    const path = "POST /containers/waiting/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\n";
    const heads = [
      "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\nno chunk",
      "Content-Length: 5\r\n\r\n{}",
      "Upgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\n{}",
      "Upgrade: tcp\r\nConnection: Upgrade\r\n\r\ninput",
      "Connection: close\r\n\r\ninput",
    ];
    for (const rest of heads) {
      const { socket } = await openRaw(engine, path + rest);
      socket.end();
      // A later request is answered, so this one has been read.
      await engine.api("GET", "/_ping");
      socket.destroy();
    }
    await eventually(
      () => countConnections(engine.pid()),
      (count) => count <= before,
    );
    await berth("rm", "-f", "waiting");
  });
});

describe("the output of an exec", () => {
  const { engine, berth } = useEngine();
  const start = async (id: string, Tty: boolean) =>
    bodyOf(
      await (
        await openRaw(engine, head("POST", `/exec/${id}/start`, upgrade, JSON.stringify({ Tty })))
      ).ended(),
    );

  it("is in frames or raw as its start asks, whatever the exec has", async () => {
    await berth("run", "-d", "--name", "frames", "busybox", "sleep", "1000");
    const Cmd = ["sh", "-c", "echo out; sleep 0.1; echo err >&2"];
    const both = { Cmd, AttachStdout: true, AttachStderr: true };
    const exec = (Tty: boolean) => createExec(engine, "frames", { ...both, Tty });
    assert.equal(await start(await exec(false), false), frame("out\n") + frame("err\n", streams.stderr));
    assert.equal(await start(await exec(false), true), "out\n");
    assert.equal(await start(await exec(true), false), frame("out\r\n") + frame("err\r\n"));
    assert.equal(await start(await exec(true), true), "out\r\nerr\r\n");
    const missing = await createExec(engine, "frames", { Cmd: ["nosuch"], AttachStdout: true, Tty: true });
    const failure = await start(missing, false);
    assert.match(failure.slice(8), /^OCI runtime exec failed: .*nosuch.*\r\n$/);
    assert.equal(failure, frame(failure.slice(8)));
    await berth("rm", "-f", "frames");
  });

  it("says before its end that the detach keys were typed", async () => {
    await berth("run", "-d", "--name", "keys", "busybox", "sleep", "1000");
    const said = "exec attach failed: error on attach stdin: read escape sequence\r\n";
    for (const Tty of [true, false]) {
      const request = { Cmd: ["cat"], AttachStdin: true, AttachStdout: true, Tty: true, DetachKeys: "DEL" };
      const id = await createExec(engine, "keys", request);
      const connection = await openRaw(
        engine,
        head("POST", `/exec/${id}/start`, upgrade, JSON.stringify({ Tty })),
      );
      connection.socket.write("hello\n");
      await connection.shows(/hello\r\n.*hello\r\n/s);
      connection.socket.write("\x7f");
      const text = await connection.ended();
      assert.ok(text.endsWith(Tty ? said : frame(said)), text);
      assert.equal(JSON.parse((await engine.api("GET", `/exec/${id}/json`)).body).Running, true);
    }
    await berth("rm", "-f", "keys");
  });

  it("has Docker's answers for what cannot be", async () => {
    const id = await berth("run", "-d", "--name", "odd", "busybox", "sleep", "1000");
    const exec = await createExec(engine, "odd", { Cmd: ["true"], AttachStdout: true });
    const call = async (method: string, path: string, body?: unknown) => {
      const { status, body: text } = await engine.api(method, path, body);
      return [status, text && JSON.parse(text).message];
    };
    await berth("pause", "odd");
    assert.deepEqual(await call("POST", "/containers/odd/exec", { Cmd: ["true"] }), [
      409,
      "Container odd is paused, unpause the container before exec",
    ]);
    assert.deepEqual(await call("POST", `/exec/${exec}/start`, {}), [
      409,
      `Container ${id} is paused, unpause the container before exec`,
    ]);
    await berth("unpause", "odd");
    assert.deepEqual(await call("POST", "/containers/odd/exec", {}), [400, "No exec command specified"]);
    assert.deepEqual(await call("POST", "/containers/odd/exec", { Cmd: ["true"], DetachKeys: "ab" }), [
      400,
      "Invalid escape keys (ab) provided",
    ]);
    await start(exec, false);
    assert.equal(await start(exec, false), frame(`exec command ${exec} has already run\r\n`));
    assert.deepEqual(await call("POST", `/exec/${exec}/start`, { Detach: true }), [
      409,
      `exec command ${exec} has already run`,
    ]);
    assert.deepEqual(await call("POST", "/exec/nosuch/resize?h=foo"), [
      400,
      'invalid resize height "foo": invalid syntax',
    ]);
    assert.deepEqual(await call("POST", "/exec/nosuch/resize?h=1&w=1"), [
      404,
      "No such exec instance: nosuch",
    ]);
    await berth("stop", "-t", "0", "odd");
    assert.deepEqual(await call("POST", "/containers/odd/resize?h=10&w=20"), [
      409,
      `container ${id} is not running`,
    ]);
    assert.deepEqual(await call("POST", "/containers/odd/resize?h=10"), [
      400,
      'invalid resize width "": invalid syntax',
    ]);
    assert.equal((await engine.api("GET", `/exec/${exec}/json`)).status, 200);
    await berth("rm", "odd");
    assert.deepEqual(await call("GET", `/exec/${exec}/json`), [404, `No such exec instance: ${exec}`]);
  });
});

describe("a client that closes its connection after the answer", () => {
  const { engine } = useEngine();

  it("reads the reason of a refusal while it is still sending", async () => {
    const megabytes = 4;
    const refusals: [method: string, path: string, reason: RegExp][] = [
      ["PUT", "/containers/nosuch/archive?path=/", /No such container: nosuch/],
      ["POST", "/images/load", /invalid tar header/],
    ];
    for (let times = 0; times < 40; times++) {
      const [method, path, reason] = refusals[times % refusals.length]!;
      const length = `Content-Length: ${megabytes << 20}`;
      const connection = await openRaw(engine, head(method, path, ["Connection: close", length]));
      let failure: Error | undefined;
      connection.socket.on("error", (error) => {
        failure = error;
      });
      for (let sent = 0; sent < megabytes; sent++) {
        connection.socket.write(Buffer.alloc(1 << 20, "x"));
        if (sent === 1) await connection.shows(reason);
      }
      await connection.shows(reason);
      await connection.ended();
      assert.equal(failure, undefined);
    }
  });
});

describe("a container without input", () => {
  const { berth } = useEngine();
  const host = statSync("/dev/null");
  after(() => {
    const { mode, uid, gid } = statSync("/dev/null");
    // Whatever has come of it: nothing on this machine works without.
    chmodSync("/dev/null", host.mode);
    chownSync("/dev/null", host.uid, host.gid);
    assert.deepEqual([mode, uid, gid], [host.mode, host.uid, host.gid]);
  });

  it("has a /dev/null of its own for it, run or exec", async () => {
    const attack =
      "chmod 600 /proc/self/fd/0 && chown 1:1 /proc/self/fd/0; cat; echo written >&0; ls -lL /proc/self/fd/0";
    const seen = await berth("run", "--name", "null", "busybox", "sh", "-c", `${attack}; sleep 0`);
    assert.match(seen, /^crw------- .* daemon +daemon +1, +3/);
    await berth("rm", "null");
    await berth("run", "-d", "--name", "null", "busybox", "sleep", "1000");
    assert.match(await berth("exec", "null", "sh", "-c", attack), /^crw------- .* daemon +daemon +1, +3/);
    assert.match(
      await berth("exec", "-u", "1000", "null", "sh", "-c", "cat /dev/stdin; ls -lL /proc/self/fd/0"),
      /^crw-rw-rw- /,
    );
    await berth("rm", "-f", "null");
  });
});

describe("waiting", () => {
  const { engine, berth } = useEngine();

  it("ends with a container's end, also when it is to be restarted", async () => {
    await berth(
      "run",
      "-d",
      "--restart",
      "always",
      "--name",
      "again",
      "busybox",
      "sh",
      "-c",
      "sleep 1; exit 3",
    );
    for (const query of ["", "?condition=not-running", "?condition=next-exit"]) {
      const { body } = await engine.api("POST", `/containers/again/wait${query}`);
      assert.deepEqual(JSON.parse(body), { StatusCode: 3 });
    }
    await berth("rm", "-f", "again");
  });

  it("for an end that was asked for is as long as was said, however long", async () => {
    const patient = "trap 'sleep 1; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    await berth(
      "run",
      "-d",
      "--name",
      "patient",
      "--stop-timeout",
      "3000000",
      "busybox",
      "sh",
      "-c",
      patient,
    );
    for (const words of [["stop", "-t", "2147484"], ["stop"], ["stop", "-t", "-1"]]) {
      await eventually(
        () => berth("logs", "--tail", "1", "patient"),
        (line) => line === "ready",
      );
      await berth(...words, "patient");
      assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", "patient"), "5", words.join(" "));
      await berth("start", "patient");
    }
    await berth("rm", "-f", "patient");
  });
});
