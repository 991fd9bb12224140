import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { routes } from "../../src/api/routes.ts";
import { startEngine, type TestEngine } from "../engine.ts";
import type { Random } from "../random.ts";
import { examples } from "./api-examples.ts";
import { mutateJson, mutateText } from "./mutate.ts";
import type { Target } from "./target.ts";

/** Left out: what ends the engine, works for seconds by its nature, or asks other machines. */
const without = new Set([
  "POST /berth/system/stop",
  "POST /berth/images/make",
  "POST /berth/system/repair",
  "GET /images/search",
  "GET /distribution/*name/json",
  "POST /images/*name/push",
  "POST /auth",
]);
/** They pull or wait where their parameters are right, so that they get wrong ones only. */
const onlyWrong = new Set(["POST /images/create", "GET /events", "POST /containers/:id/wait"]);
const operations = routes.filter(([method, path]) => !without.has(`${method} ${path}`));

const names = [
  "base",
  "one",
  "two",
  "busybox",
  "net",
  "data",
  "bridge",
  "none",
  "nosuch",
  "",
  ".",
  "%00",
  "%2e%2e",
  "a%2fb",
  "constructor",
  "x".repeat(300),
];
const values = [
  "",
  "0",
  "1",
  "true",
  "-1",
  "1e9",
  "9".repeat(20),
  "x",
  "a=b",
  "*",
  "[",
  "(a+)+$",
  "linux/amd64",
  "1700000000.5",
  "10m",
  "all",
  "/etc/passwd",
  "/../..",
  "\0",
  "ü",
  "KILL",
  "next-exit",
  "x".repeat(2000),
];
const parameters = [
  "all",
  "limit",
  "size",
  "name",
  "platform",
  "filters",
  "t",
  "signal",
  "force",
  "v",
  "link",
  "path",
  "ps_args",
  "stdout",
  "stdin",
  "stream",
  "logs",
  "tail",
  "since",
  "until",
  "detachKeys",
  "h",
  "w",
  "repo",
  "tag",
  "names",
  "container",
  "changes",
  "noOverwriteDirNonDir",
  "condition",
  "type",
  "fromSrc",
  "author",
];
const filters = [
  "name",
  "id",
  "label",
  "status",
  "exited",
  "before",
  "since",
  "until",
  "reference",
  "dangling",
  "publish",
  "volume",
  "network",
  "x",
];

/** Requests to a real engine: any of its routes, bodies changed from the specification's examples, odd queries and heads. */
export const api: Target = {
  name: "api",
  smallCount: 1500,
  mostMilliseconds: 20_000,
  async open() {
    const engine = await startEngine();
    const ok = async (...words: string[]) =>
      assert.equal((await engine.berth(words)).code, 0, words.join(" "));
    await ok("image", "make", "busybox");
    await ok("create", "--name", "base", "-v", "/anonymous", "busybox", "sleep", "1000");
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const before = measure(engine);
    let count = 0;
    return {
      async attempt(random) {
        if (++count % 500 === 0) await tidy(engine);
        if (random.next() < 0.05) return sendRaw(engine, random);
        await send(engine, agent, random);
      },
      async close() {
        agent.destroy();
        await tidy(engine);
        await engine.berth(["rm", "-f", "-v", "base"]);
        await settle(engine, before, count);
        await engine.stop();
      },
    };
  },
};

async function send(engine: TestEngine, agent: Agent, random: Random): Promise<void> {
  const [method, pattern] = random.pick(operations);
  const operation = `${method} ${pattern}`;
  const path = pattern.replace(/[:*]\w+/g, () => random.pick(names) || "x");
  const query = queryOf(random, onlyWrong.has(operation));
  const url = `${random.next() < 0.3 ? random.pick(["/v1.24", "/v1.40", "/v1.48", "/v1.12", "/v9.9"]) : ""}${path}?${query}`;
  const body = bodyOf(random, method, operation);
  const headers: Record<string, string> = {
    ...(body !== undefined && { "Content-Type": random.next() < 0.95 ? "application/json" : "text/plain" }),
    ...(random.next() < 0.05 && { "X-Registry-Auth": random.pick(["e30=", "bnVsbA==", "x", "{}"]) }),
  };
  const options = { socketPath: join(engine.execRoot, "berth.sock"), agent, method, path: url, headers };
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(options, (response) => readBriefly(response, resolve));
    call.setTimeout(15_000, () => call.destroy(new Error("no answer within 15 s")));
    call.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, text: "" });
    });
    call.on("error", (error) => {
      if (call.getHeader("x-done")) return;
      reject(new Error(`${operation}: ${error.message}`, { cause: error }));
    });
    call.end(body);
  });
  const what = `${method} ${url} ${body ?? ""} => ${status} ${text}`.slice(0, 2000);
  assert.ok(status < 500 || status === 501 || status === 503, what);
  if (status >= 400 && method !== "HEAD" && text.startsWith("{")) {
    assert.equal(typeof JSON.parse(text).message, "string", what);
  }
}

/** What streams without end is left after its head. */
function readBriefly(
  response: IncomingMessage,
  resolve: (answer: { status: number; text: string }) => void,
): void {
  const chunks: Buffer[] = [];
  const done = () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
  const timer = setTimeout(() => {
    done();
    response.destroy();
  }, 3000);
  response.on("data", (chunk: Buffer) => {
    if (chunks.length < 100) chunks.push(chunk);
  });
  response.on("error", () => {});
  response.on("close", () => {
    clearTimeout(timer);
    done();
  });
}

function queryOf(random: Random, isWrong: boolean): string {
  const pairs = Array.from({ length: random.between(0, 3) }, (): [string, string] => {
    const name = random.pick(parameters);
    if (name !== "filters") return [name, random.pick(values)];
    const value = { [random.pick(filters)]: [random.pick(values)] };
    return [name, random.next() < 0.7 ? JSON.stringify(value) : mutateJson(random, value)];
  });
  const wrong: [string, string][] = isWrong
    ? [
        ["filters", "wrong"],
        ["condition", "wrong"],
        ["fromImage", "/:"],
        ["fromSrc", ""],
      ]
    : [];
  const kept = isWrong
    ? pairs.filter(([name]) => !["filters", "condition", "fromSrc"].includes(name))
    : pairs;
  // A follower of a log never ends, and a wait only with the container.
  return new URLSearchParams([...kept, ...wrong]).toString();
}

function bodyOf(random: Random, method: string, operation: string): string | undefined {
  if (method !== "POST" && method !== "PUT") return undefined;
  const example = examples.find((one) => one.operation === operation);
  if (!example) return random.next() < 0.5 ? undefined : mutateText(random, '{"a":1}');
  return random.next() < 0.1 ? JSON.stringify(example.body) : mutateJson(random, example.body);
}

const lines = [
  "GET / HTTP/1.1",
  "GET /_ping HTTP/1.0",
  "BREW /x HTTP/1.1",
  "GET //_ping HTTP/1.1",
  "GET /v1.40 HTTP/1.1",
  "GET http://x/_ping HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "HEAD /info HTTP/1.1",
  "GET /containers/%ff/json HTTP/1.1",
  "POST /containers/create HTTP/1.1",
  "POST /containers/base/attach?stream=1&stdin=1 HTTP/1.1",
  "POST /exec/x/start HTTP/1.1",
];
const heads = [
  "Host: x",
  "Upgrade: tcp",
  "Connection: Upgrade",
  "Connection: close",
  "Upgrade: h2c",
  "HTTP2-Settings: AAMAAABkAAQAAP__",
  "Content-Length: 5",
  "Content-Length: 0",
  "Transfer-Encoding: chunked",
  "Expect: 100-continue",
  "Content-Type: application/json",
  "Range: bytes=0-",
  `X: ${"y".repeat(500)}`,
];

/** Any bytes for a head. The engine answers or closes; what it may not do is hold the connection without a word. */
function sendRaw(engine: TestEngine, random: Random): Promise<void> {
  const head = [
    random.pick(lines),
    ...Array.from({ length: random.between(0, 5) }, () => random.pick(heads)),
  ].join("\r\n");
  const text = `${random.next() < 0.3 ? mutateText(random, head) : head}\r\n\r\n${random.pick(["", "{}", "5\r\nabcde\r\n0\r\n\r\n", "hello"])}`;
  return new Promise((resolve, reject) => {
    const socket = connect(join(engine.execRoot, "berth.sock"));
    let received = "";
    const end = (error?: Error) => {
      clearTimeout(timer);
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    // A stream that is attached stays open once it has been answered.
    const timer = setTimeout(() => {
      end(received === "" ? new Error(`held without an answer: ${JSON.stringify(text)}`) : undefined);
    }, 10_000);
    socket.on("connect", () => socket.end(text));
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1").slice(0, 1000 - received.length);
      if (/^HTTP\/1\.1 500/.test(received)) end(new Error(`${JSON.stringify(text)} => ${received}`));
    });
    socket.on("close", () => end());
    socket.on("error", () => end());
  });
}

/** Removes what the requests have made. */
async function tidy(engine: TestEngine): Promise<void> {
  const list = async (...words: string[]) => (await engine.berth(words)).stdout.split("\n").filter(Boolean);
  const containers = (await list("ps", "-a", "--format", "{{.Names}}")).filter((name) => name !== "base");
  if (containers.length > 0) await engine.berth(["rm", "-f", "-v", ...containers]);
  await engine.berth(["volume", "prune", "-a", "-f"]);
  await engine.berth(["network", "prune", "-f"]);
  const base = await engine.berth(["container", "inspect", "base"]);
  if (base.code !== 0)
    await engine.berth(["create", "--name", "base", "-v", "/anonymous", "busybox", "sleep", "1000"]);
  const image = await engine.berth(["image", "inspect", "busybox"]);
  if (image.code !== 0) await engine.berth(["image", "make", "busybox"]);
  await engine.berth(["image", "prune", "-f"]);
}

function measure(engine: TestEngine) {
  const pid = engine.pid();
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    residentBytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024,
  };
}

const mostGrowthBytes = 200 << 20;

/** Descriptors and threads come back to what they were; workers stay warm for half a minute. */
async function settle(engine: TestEngine, before: ReturnType<typeof measure>, count: number): Promise<void> {
  let now = measure(engine);
  for (let tries = 0; tries < 90; tries++) {
    now = measure(engine);
    if (now.descriptors <= before.descriptors && now.threads <= before.threads) break;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const told = `${JSON.stringify(before)} before, ${JSON.stringify(now)} after ${count} requests`;
  assert.ok(now.descriptors <= before.descriptors && now.threads <= before.threads, told);
  assert.ok(now.residentBytes - before.residentBytes < mostGrowthBytes, told);
}
