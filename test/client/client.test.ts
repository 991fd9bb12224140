import assert from "node:assert/strict";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { afterEach, test } from "node:test";
import { ApiError, ConnectionError } from "../../src/client/api-error.ts";
import { createClient, isOlder } from "../../src/client/client.ts";
import { parseHost } from "../../src/client/host.ts";
import { json, serve, type TestServer } from "./server.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function clientFor(...parts: Parameters<typeof serve>) {
  server = await serve(...parts);
  return { client: await createClient({ host: server.host }), requests: server.requests };
}

test("a request names method, path, query and body as the API wants them", async () => {
  const { client, requests } = await clientFor((_request, response) =>
    json(response, 201, { Id: "abc", Warnings: [] }),
  );
  const created = await client.containers.create(
    { Image: "busybox", Cmd: ["é"] },
    { name: "a b", platform: undefined },
  );
  assert.equal(created.Id, "abc");
  assert.equal(requests[0]?.method, "POST");
  assert.equal(requests[0]?.url, "/containers/create?name=a+b");
  assert.deepEqual(JSON.parse(requests[0]?.body ?? ""), { Image: "busybox", Cmd: ["é"] });
  await client.containers.list({ all: true, filters: { label: ["a=b", "c"] } });
  const query = new URLSearchParams(requests[1]?.url.split("?")[1]);
  assert.equal(query.get("all"), "1");
  assert.deepEqual(JSON.parse(query.get("filters") ?? ""), { label: ["a=b", "c"] });
});

test("a name cannot change the path of a request", async () => {
  const { client, requests } = await clientFor((_request, response) =>
    json(response, 404, { message: "no" }),
  );
  await assert.rejects(client.containers.inspect("../images/x?y#z"));
  await assert.rejects(client.images.inspect("local/a:b?c"));
  await assert.rejects(client.images.inspect("../containers/x"));
  assert.throws(() => client.execs.create(" ", {}), {
    message: "invalid container name or ID: value is empty",
  });
  assert.equal(requests[0]?.url, "/containers/..%2Fimages%2Fx%3Fy%23z/json");
  assert.equal(requests[2]?.url, "/images/%2E%2E/containers/x/json");
  assert.equal(requests[1]?.url, "/images/local/a:b%3Fc/json");
});

test("an error of the daemon keeps its status and message, whatever its form", async () => {
  const { client } = await clientFor((request, response) => {
    if (request.url?.includes("/one/")) json(response, 404, { message: "No such container: one" });
    else if (request.url?.includes("/two/")) response.writeHead(500).end("plain text\n");
    else response.writeHead(503).end();
  });
  const failure = (id: string) =>
    client.containers.inspect(id).then(
      () => undefined,
      (error) => [error.status, error.message],
    );
  assert.deepEqual(await failure("one"), [404, "No such container: one"]);
  assert.deepEqual(await failure("two"), [500, "plain text"]);
  assert.deepEqual(await failure("three"), [503, "503 Service Unavailable"]);
});

test("a daemon that is not there is told in Docker's words", async () => {
  const client = await createClient({ host: "unix:///nowhere/berth.sock" });
  await assert.rejects(client.version(), (error) => {
    assert.ok(error instanceof ConnectionError);
    const text =
      "Cannot connect to the Docker daemon at unix:///nowhere/berth.sock. Is the docker daemon running?";
    assert.equal(error.message, text);
    return true;
  });
});

test("a body that cannot be read is no daemon that cannot be reached", async () => {
  const { client } = await clientFor((_request, response) => json(response, 200, {}));
  for (const read of [
    () => createReadStream("/nowhere/layer.tar"),
    () =>
      Readable.from(
        (async function* () {
          yield "the first half";
          throw Object.assign(new Error("open /nowhere/layer.tar"), { code: "ENOENT" });
        })(),
      ),
  ])
    await assert.rejects(client.images.load(read()), (error: NodeJS.ErrnoException) => {
      assert.ok(!(error instanceof ConnectionError), error.message);
      assert.match(error.message, /open .?\/nowhere\/layer\.tar/);
      assert.equal(error.code, "ENOENT");
      return true;
    });
});

test("a connection that breaks before it has a reader is found broken", async () => {
  const { client } = await clientFor(undefined as never, (_request, socket) =>
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
  );
  const { socket } = await client.transport.hijack("/containers/x/attach");
  socket.destroy(new Error("broken"));
  await new Promise((resolve) => socket.once("close", resolve));
  await assert.rejects(socket.toArray(), { message: "broken" });
});

test("a daemon that hangs up in the middle of an answer is an error, not an answer", async () => {
  const { client } = await clientFor((_request, response) => {
    response.writeHead(200, { "Content-Length": "1000" });
    response.write('{"Id":', () => response.destroy());
  });
  await assert.rejects(client.containers.inspect("x"));
});

test("304 is no error: the container ran already", async () => {
  const { client } = await clientFor((_request, response) => response.writeHead(304).end());
  assert.equal(await client.containers.start("x"), false);
});

test("the version is agreed on, and the one that was chosen stays", async () => {
  const { client, requests } = await clientFor((_request, response) => {
    response.setHeader("Api-Version", "1.41");
    json(response, 200, []);
  });
  assert.equal(await client.negotiate(), "1.41");
  await client.containers.list();
  assert.equal(requests[1]?.url, "/v1.41/containers/json");
  const chosen = await createClient({ host: server!.host, version: "1.30" });
  assert.equal(await chosen.negotiate(), "1.30");
  assert.ok(isOlder("1.9", "1.24") && !isOlder("1.48", "1.48") && !isOlder("2.0", "1.99"));
});

test("wait is in force when it resolves, and gives the exit when it comes", async () => {
  let finish: () => void = () => undefined;
  const { client } = await clientFor((_request, response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.flushHeaders();
    finish = () => response.end('{"StatusCode":7}');
  });
  const { exit } = await client.containers.wait("x", "next-exit");
  finish();
  assert.equal((await exit).StatusCode, 7);
});

test("a hijacked connection goes both ways, and stdin can be closed alone", async () => {
  const { client, requests } = await clientFor(
    (_request, response) => response.end(),
    (_request, socket) => {
      socket.write(
        "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhead:",
      );
      socket.on("data", (chunk) => socket.write(chunk));
      socket.on("end", () => socket.end(":after"));
    },
  );
  const { socket, isRaw } = await client.execs.attach("e1", { Tty: true });
  assert.ok(isRaw);
  assert.deepEqual(JSON.parse(requests[0]?.body ?? ""), { Detach: false, Tty: true });
  assert.equal(requests[0]?.headers.upgrade, "tcp");
  socket.write("hello");
  socket.end();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  assert.equal(Buffer.concat(chunks).toString(), "head:hello:after");
});

test("a refused hijack is the daemon's error", async () => {
  const { client } = await clientFor(
    () => undefined,
    (_request, socket) => {
      const body = '{"message":"container x is not running"}';
      socket.end(
        `HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    },
  );
  await assert.rejects(client.containers.attach("x", { stdout: true }), (error) => {
    return (
      error instanceof ApiError && error.status === 409 && error.message === "container x is not running"
    );
  });
});

test("an upload is sent whole, and one that is refused early gives the daemon's answer", async () => {
  const upload = (chunks: number) =>
    Readable.from(
      (function* () {
        for (let index = 0; index < chunks; index++) yield Buffer.alloc(65536);
      })(),
    );
  const { client } = await clientFor((_request, response) => json(response, 200, {}));
  await client.containers.writeArchive("x", "/tmp", upload(200));
  assert.equal(server?.requests[0]?.body.length, 200 * 65536);

  const folder = mkdtempSync(path.join(os.tmpdir(), "berth-client-"));
  const body = '{"message":"No such container: x"}';
  const hasty = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write(`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`, () =>
        socket.destroy(),
      );
    });
  });
  await new Promise<void>((resolve) => hasty.listen(path.join(folder, "s"), resolve));
  const refused = await createClient({ host: `unix://${path.join(folder, "s")}` });
  await assert.rejects(refused.containers.writeArchive("x", "/tmp", upload(2000)), {
    message: "No such container: x",
  });
  hasty.close();
  rmSync(folder, { recursive: true });
});

test("progress comes line by line, also when a character is cut in two", async () => {
  const line = Buffer.from('{"stream":"é"}\r\n{"errorDetail":{"message":"bad"}}');
  const { client } = await clientFor((_request, response) => {
    response.write(line.subarray(0, 12));
    response.end(line.subarray(12));
  });
  const messages = [];
  for await (const message of await client.images.load(Readable.from([Buffer.from("tar")])))
    messages.push(message);
  assert.deepEqual(messages, [{ stream: "é" }, { errorDetail: { message: "bad" } }]);
});

test("TCP works as the socket does, and hosts are read in every form", async () => {
  const { client } = await clientFor(
    (_request, response) => json(response, 200, { Version: "1" }),
    undefined,
    { isTcp: true },
  );
  assert.equal((await client.version()).Version, "1");
  assert.deepEqual(parseHost("unix:///a.sock"), {
    kind: "unix",
    socketPath: "/a.sock",
    display: "unix:///a.sock",
  });
  const tcp = {
    kind: "tcp",
    host: "::1",
    port: 2375,
    basePath: "/base",
    tls: undefined,
    display: "tcp://[::1]/base/",
  };
  assert.deepEqual(parseHost("tcp://[::1]/base/"), tcp);
  const placeOf = (text: string) => {
    const { host, port, basePath } = parseHost(text) as typeof tcp;
    return `${host} ${port} ${basePath}`;
  };
  assert.equal(placeOf("tcp://proxy:80"), "proxy 80 ");
  assert.equal(placeOf("http://user@Proxy/a%20b"), "Proxy 2375 /a%20b");
  assert.equal(placeOf("https://proxy:443/"), "proxy 443 ");
  assert.equal(placeOf("tcp://:2399"), "localhost 2399 ");
  assert.equal(placeOf("tcp://"), "localhost 2375 ");
  for (const wrong of ["tcp://a:b", "tcp://a:70000", "tcp://::1", "tcp://[::1]x"])
    assert.throws(() => parseHost(wrong), { message: `invalid bind address format: ${wrong}` });
  assert.throws(() => parseHost("nonsense"), { message: "unable to parse docker host `nonsense`" });
});
