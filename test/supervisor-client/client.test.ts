import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, it } from "node:test";
import type { Supervisor } from "../../src/supervisor-client/client.ts";
import { createLifelines } from "../../src/supervisor-client/lifelines.ts";
import { openSupervisor } from "../../src/supervisor-client/open.ts";
import { socketPath } from "../../src/supervisor-protocol/connect.ts";
import { readFirstLine, readLines } from "../../src/supervisor-protocol/lines.ts";
import type { Request, Welcome } from "../../src/supervisor-protocol/protocol.ts";

const execRoot = mkdtempSync(join(tmpdir(), "bt-client-"));
after(() => rmSync(execRoot, { recursive: true }));

interface Fake {
  supervisor: Supervisor;
  /** What it was asked, in this order; also "attach". */
  asked: string[];
  /** With what, each time. */
  parameters: object[];
  /** Lets the attached connections in that wait for their welcome. */
  admit: () => void;
}

let server: Server | undefined;
let opened: Supervisor | undefined;
afterEach(() => {
  opened?.close();
  server?.close();
});

/** A supervisor that answers each request with nothing, or with `error`, and welcomes an attached connection when it is told to. */
async function connectTo(welcome: Omit<Welcome, "ok">, error?: object): Promise<Fake> {
  const asked: string[] = [];
  const parameters: object[] = [];
  const admitted = Promise.withResolvers<void>();
  const sendWelcome = (socket: Socket) => socket.write(`${JSON.stringify({ ok: true, ...welcome })}\n`);
  server = createServer(async (socket) => {
    socket.on("error", () => {});
    const hello = JSON.parse((await readFirstLine(socket)) ?? "{}");
    if (hello.role === "attach") {
      await admitted.promise;
      asked.push("attach");
      return sendWelcome(socket);
    }
    sendWelcome(socket);
    readLines(socket, (line) => {
      const { id, method, parameters: given }: Request = JSON.parse(line);
      asked.push(method);
      parameters.push(given);
      socket.write(`${JSON.stringify({ news: "of a later version" })}\n`);
      const answer = error ? { error } : { result: method === "list" ? [] : {} };
      socket.write(`${JSON.stringify({ id, ...answer })}\n`);
      return false;
    });
    socket.resume();
  });
  await new Promise<void>((resolve) => server?.listen(socketPath(execRoot), resolve));
  opened = await openSupervisor(execRoot, execRoot, createLifelines(execRoot));
  return { supervisor: opened, asked, parameters, admit: admitted.resolve };
}

const runtime = { program: "crun", root: "/nowhere" };
const execOptions = { process: "e", container: "c", runtime, terminal: false, openStdin: false };

it("asks a supervisor that tells its number alone for what came with that version, and for nothing else", async () => {
  const { supervisor, asked } = await connectTo({ protocol: 1 });
  await supervisor.call("resize", { process: "p", rows: 1, columns: 1 });
  await assert.rejects(supervisor.call("abort", { process: "p" }), {
    kind: "unavailable",
    message: "operation abort is not supported by the running supervisor (older version)",
  });
  assert.deepEqual(asked, ["resize"]);
});

it("asks a later one of those for what came with it", async () => {
  const { supervisor, asked } = await connectTo({ protocol: 2 });
  await supervisor.call("abort", { process: "p" });
  assert.deepEqual(asked, ["abort"]);
});

it("asks a supervisor that names its methods for these, whatever its number is", async () => {
  const { supervisor, asked } = await connectTo({ protocol: 3, methods: ["list", "fly", "list.wings"] });
  assert.deepEqual(await supervisor.call("list", {}), []);
  await assert.rejects(supervisor.call("resize", { process: "p", rows: 1, columns: 1 }), /not supported/);
  assert.deepEqual(asked, ["list"]);
});

for (const [what, welcome, expected] of [
  ["does not wait", { protocol: 2 }, ["attach", "exec"]],
  ["waits itself", { protocol: 3 }, ["exec", "attach"]],
  ["says so and waits itself", { protocol: 3, methods: ["exec", "exec.client"] }, ["exec", "attach"]],
  ["says nothing of it", { protocol: 3, methods: ["exec"] }, ["attach", "exec"]],
] as const) {
  it(`starts an exec for a client that is on its way in the right moment, with a supervisor that ${what}`, async () => {
    const { supervisor, asked, admit } = await connectTo(welcome as Omit<Welcome, "ok">);
    const streams = { stdin: true, stdout: true, stderr: true };
    const attached = supervisor.attach({ process: "e", client: "x", ...streams });
    const started = supervisor.call("exec", { ...execOptions, processFile: "/nowhere", client: "x" });
    if (expected[0] === "exec") await started;
    admit();
    (await attached).destroy();
    await started;
    assert.deepEqual(asked, expected);
  });
}

const jsonFile = { driver: "json-file", path: "/log", maxSizeBytes: 1, maxFiles: 1 } as const;
const adoptOptions = { process: "p", pid: 1, startTicks: 1, terminal: false, openStdin: false };

it("tells a supervisor that knows no log drivers json-file's options, or nothing", async () => {
  const { supervisor, parameters } = await connectTo({ protocol: 3 });
  await supervisor.call("adopt", { ...adoptOptions, log: jsonFile });
  await supervisor.call("adopt", { ...adoptOptions, log: { driver: "none" } });
  const { driver: _, ...options } = jsonFile;
  assert.deepEqual(parameters, [{ ...adoptOptions, log: options }, adoptOptions]);
});

it("tells a supervisor that knows log drivers the driver, and asks for none that it does not know", async () => {
  const methods = ["adopt", "log.json-file", "log.none"];
  const { supervisor, parameters } = await connectTo({ protocol: 3, methods });
  const said = [jsonFile, { driver: "none" }] as const;
  for (const log of said) await supervisor.call("adopt", { ...adoptOptions, log });
  assert.deepEqual(
    parameters,
    said.map((log) => ({ ...adoptOptions, log })),
  );
  const unknown = { driver: "later" } as unknown as typeof jsonFile;
  await assert.rejects(supervisor.call("adopt", { ...adoptOptions, log: unknown }), {
    kind: "unavailable",
    message: "log driver later is not supported by the running supervisor (older version)",
  });
});

const pause = { runtime, arguments: ["pause", "c"] };

for (const [which, sent, received] of [
  [
    "of an EngineError keeps its kind",
    { message: "no", kind: "conflict" },
    { name: "EngineError", kind: "conflict" },
  ],
  ["of a kind of a later version is internal", { message: "no", kind: "teapot" }, { kind: "internal" }],
  ["of a system error keeps its code", { message: "no", code: "ENOSPC" }, { name: "Error", code: "ENOSPC" }],
  ["of a bug keeps its stack", { message: "no", stack: "there" }, { name: "Error", stack: "there" }],
  ["of an earlier supervisor has its message alone", { message: "no" }, { name: "Error" }],
] as const) {
  it(`the error ${which}`, async () => {
    const { supervisor } = await connectTo({ protocol: 3, methods: ["runtime"] }, sent);
    await assert.rejects(supervisor.call("runtime", pause), { message: "no", ...received });
  });
}
