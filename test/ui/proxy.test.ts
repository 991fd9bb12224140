import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { routes } from "../../src/api/routes.ts";
import { operations } from "../../src/ui/operations.ts";
import { eventually } from "../engine.ts";
import {
  ask,
  logIn,
  openRawUi,
  sendRaw,
  startUi,
  type UiAnswer,
  type UiServer,
  useUi,
  type Visitor,
} from "./server.ts";

describe("the page's way to the engine", () => {
  const { engine, berth, ui: server } = useUi(() => [[], ["--read-only"]]);
  let ui: UiServer;
  let readOnly: UiServer;
  let visitor: Visitor;
  let reader: Visitor;
  before(async () => {
    ui = server();
    readOnly = server(1);
    visitor = await logIn(ui);
    reader = await logIn(readOnly);
  });

  const call = (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<UiAnswer> =>
    ask(ui, method, path, {
      headers: { ...visitor.headers, ...headers },
      ...(body !== undefined && { body }),
    });

  it("lists operations as the engine's own table has them", () => {
    const known = new Set(routes.map(([method, path]) => `${method} ${path}`));
    for (const [method, path] of operations) assert.ok(known.has(`${method} ${path}`), `${method} ${path}`);
  });

  it("refuses each operation that it does not list", async () => {
    const listed = new Set(operations.map(([method, path]) => `${method} ${path}`));
    const others = routes.filter(([method, path]) => !listed.has(`${method} ${path}`));
    assert.ok(others.length > 20);
    for (const [method, pattern] of others) {
      const path = pattern.replace(/[:*]\w+/g, "x");
      const { status } = await call(method, `/api${path}`);
      // Some patterns are within one that is listed: then it is that operation which is refused or fails.
      if (operations.some(([one, listedPath]) => one === method && fits(listedPath, path))) continue;
      assert.equal(status, 404, `${method} ${path}`);
    }
    assert.equal((await call("GET", "/api/version")).status, 200);
  });

  it("refuses every change in read-only mode, and lets everything be read", async () => {
    for (const [method, pattern, effect] of operations) {
      const path = `/api${pattern.replace(/[:*]\w+/g, "nothing")}`;
      // This one goes on until the client leaves.
      if (pattern === "/events") continue;
      const answer = await ask(readOnly, method, path, { headers: reader.headers });
      if (effect !== "reads") {
        assert.equal(answer.status, 403, path);
        assert.match(answer.body, /read-only/, path);
      } else assert.notEqual(answer.status, 403, path);
    }
    const raw = upgradeHead(readOnly, reader, "/ui/exec/abc");
    assert.match(await sendRaw(readOnly, raw), /^HTTP\/1\.1 403 [\s\S]*read-only/);
  });

  it("passes on what goes to and fro", async () => {
    const body = JSON.stringify({ Image: "busybox", Cmd: ["true"], Labels: { "a&b": "c=ü" } });
    const made = await call("POST", "/api/containers/create?name=passed-on", {}, body);
    assert.equal(made.status, 201, made.body);
    const filters = encodeURIComponent(JSON.stringify({ label: ["a&b=c=ü"] }));
    const found = await call("GET", `/api/containers/json?all=1&filters=${filters}`);
    assert.deepEqual(JSON.parse(found.body)[0].Names, ["/passed-on"]);
    const missing = await call("POST", "/api/containers/absent/start");
    assert.deepEqual([missing.status, missing.body], [404, '{"message":"No such container: absent"}']);
    assert.equal((await call("DELETE", "/api/containers/passed-on")).status, 204);
  });

  it("lets no path lead elsewhere", async () => {
    const paths = [
      "/api/containers/..%2fversion/json",
      "/api/containers/../version",
      "/api/containers/%2e%2e/version",
      "/api/containers/x%2fjson",
      "/api/containers/x%5cy/json",
      "/api/containers/%00/json",
      "/api/containers//json",
      "/api//version",
      "/api/v1.41/version",
      "/api/v1.41/../version",
      "/api/images/a%2f..%2f..%2fversion/json",
      "/api/images/..%2f..%2fcontainers/json",
      "/api/images/a//json",
      "/api/%76ersion%2f..",
      "/api/volumes/..%2f..%2fetc",
      "/api/containers/x%0d%0aHost:%20y/json",
      "/api/version/",
      "/ui/../api/version",
      "/ui/download/..%2f..%2fapi",
      "/assets/../../package.json",
      "/..%2fcli%2fmain.js",
      "/main.js",
    ];
    for (const path of paths) {
      const answer = await sendRaw(
        ui,
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${visitor.cookie}\r\nX-Berth-Key: ${visitor.key}\r\nConnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 40[0-4] /, path);
      assert.doesNotMatch(answer, /ApiVersion|"Components"/, path);
    }
    assert.equal((await call("GET", `/api/containers/json?x=${"y".repeat(17_000)}`)).status, 431);
    assert.equal((await call("GET", "/api/containers/%/json")).status, 400);
  });

  it("refuses requests that two servers would read differently (smuggling)", async () => {
    const heads = [
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Content-Length: 5\r\nContent-Length: 6\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Content-Length: -1\r\n",
    ];
    for (const head of heads) {
      const answer = await sendRaw(
        ui,
        `POST /api/containers/prune HTTP/1.1\r\nHost: 127.0.0.1:${ui.port}\r\nOrigin: ${ui.origin}\r\nCookie: ${visitor.cookie}\r\nX-Berth-Key: ${visitor.key}\r\n${head}\r\n0\r\n\r\nGET /api/version HTTP/1.1\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 /, head);
      assert.doesNotMatch(answer, /HTTP\/1\.1 200/, head);
    }
  });

  it("refuses other sites' pages, and names of others' making (rebinding)", async () => {
    const port = ui.port;
    const foreign: [method: string, headers: Record<string, string>, status: number][] = [
      ["POST", { Origin: "http://evil.example" }, 403],
      ["POST", { Origin: "null" }, 403],
      ["POST", { Origin: `https://127.0.0.1:${port}` }, 403],
      ["POST", { Origin: `http://127.0.0.1:${port + 1}` }, 403],
      ["GET", { Origin: "http://evil.example" }, 403],
      ["GET", { "Sec-Fetch-Site": "cross-site" }, 403],
      ["GET", { "Sec-Fetch-Site": "same-site" }, 403],
      ["GET", { Host: `evil.example:${port}` }, 421],
      ["GET", { Host: `localhost.evil.example:${port}` }, 421],
      ["GET", { Host: `127.0.0.1.evil.example:${port}` }, 421],
      ["GET", { Host: `evil.example@127.0.0.1:${port}` }, 421],
    ];
    for (const [method, headers, status] of foreign) {
      const path = method === "POST" ? "/api/containers/prune" : "/api/version";
      assert.equal((await call(method, path, headers)).status, status, JSON.stringify(headers));
      const login = await ask(ui, "POST", "/ui/login", { body: '{"token":"x"}', headers });
      assert.equal(login.status, status, `login: ${JSON.stringify(headers)}`);
    }
    const visit = (path: string, from: string, dest: string) =>
      call("GET", path, { "Sec-Fetch-Site": from, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": dest });
    assert.equal((await visit("/", "cross-site", "document")).status, 200, "a link to the entrance");
    assert.equal((await visit("/", "cross-site", "iframe")).status, 403);
    for (const path of ["/api/version", "/ui/session", "/containers", "/?x"])
      assert.equal((await visit(path, "cross-site", "document")).status, 403, path);
    for (const host of [`localhost:${port}`, `[::1]:${port}`, "192.0.2.7"])
      assert.equal((await ask(ui, "GET", "/", { headers: { Host: host } })).status, 200, host);
    const raw = `POST /api/containers/prune HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${visitor.cookie}\r\nX-Berth-Key: ${visitor.key}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    assert.match(await sendRaw(ui, raw), /^HTTP\/1\.1 403 /, "no origin at all");
  });

  it("says with each answer that nothing of it is to be run or framed", async () => {
    const page = await ask(ui, "GET", "/");
    const policy = String(page.headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe/);
    for (const answer of [page, await call("GET", "/api/version"), await call("GET", "/api/nowhere")]) {
      assert.match(String(answer.headers["content-security-policy"]), /frame-ancestors 'none'/);
      assert.equal(answer.headers["x-content-type-options"], "nosniff");
      assert.equal(answer.headers["cross-origin-resource-policy"], "same-origin");
    }
  });

  it("gives up a request whose head does not come", async () => {
    assert.match(await sendRaw(ui, "GET / HTTP/1.1\r\nHost: 127"), /^HTTP\/1\.1 408 /);
  });

  it("opens streams for a login on the page's own origin only", async () => {
    const tries: [change: (head: string) => string, status: RegExp][] = [
      [(head) => head, /^HTTP\/1\.1 101 /],
      [(head) => head.replace(/Origin: .*\r\n/, "Origin: http://evil.example\r\n"), /^HTTP\/1\.1 403 /],
      [(head) => head.replace(/Origin: .*\r\n/, ""), /^HTTP\/1\.1 403 /],
      [(head) => head.replace(/Cookie: .*\r\n/, ""), /^HTTP\/1\.1 401 /],
      [(head) => head.replace(`berth, ${visitor.key}`, "berth, x"), /^HTTP\/1\.1 401 /],
      [(head) => head.replace("websocket", "h2c"), /^HTTP\/1\.1 400 /],
      [(head) => head.replace("/events", "/session"), /^HTTP\/1\.1 404 /],
      [(head) => head.replace("/events", "/..%2Fgrpc"), /^HTTP\/1\.1 404 /],
      [(head) => head.replace("/ui/stream", "/api/events"), /^HTTP\/1\.1 404 /],
      [(head) => head.replace("/ui/stream", "/ui/exec/..%2f..%2fsession"), /^HTTP\/1\.1 404 /],
    ];
    for (const [change, status] of tries) {
      const head = change(
        upgradeHead(ui, visitor, "/ui/stream?path=%2Fevents%3Funtil%3D1").replace("%2F", "/"),
      );
      assert.match(await sendRaw(ui, head), status, head);
    }
  });

  it("ends a session's streams with the session", async () => {
    const other = await logIn(ui);
    const open = openRawUi(ui, upgradeHead(ui, other, "/ui/stream?path=/events"));
    await eventually(open.received, (text) => text.includes("application/json"));
    await ask(ui, "POST", "/ui/logout", { headers: other.headers, body: "{}" });
    assert.match(await open.closed, /^HTTP\/1\.1 101 /);
  });

  it("hands out downloads by links that are good once", async () => {
    const id = await berth("run", "-d", "busybox", "true");
    const body = JSON.stringify({ target: `/containers/${id}/logs?stdout=1`, fileName: 'a"b\r\nü.log' });
    const { url } = JSON.parse((await call("POST", "/ui/download", {}, body)).body);
    assert.equal((await ask(ui, "GET", url)).status, 401);
    const stranger = await logIn(ui);
    assert.equal((await ask(ui, "GET", url, { headers: { Cookie: stranger.cookie } })).status, 404);
    const answer = await ask(ui, "GET", url, { headers: { Cookie: visitor.cookie } });
    assert.equal(answer.status, 200);
    assert.equal(
      answer.headers["content-disposition"],
      "attachment; filename=\"a_b__.log\"; filename*=UTF-8''a%22b%0D%0A%C3%BC.log".replace(
        "a_b__.log",
        "a_b___.log",
      ),
    );
    assert.equal((await ask(ui, "GET", url, { headers: { Cookie: visitor.cookie } })).status, 404);
    const bad = JSON.stringify({ target: "/session", fileName: "x" });
    assert.equal((await call("POST", "/ui/download", {}, bad)).status, 404);
  });

  it("says why the engine cannot be reached, and goes on when it can", async () => {
    const lost = await startUi(`unix://${engine.folder}/nowhere.sock`);
    const { headers } = await logIn(lost);
    const answer = await ask(lost, "GET", "/api/version", { headers });
    assert.equal(answer.status, 502);
    assert.match(answer.body, /Cannot connect to the Docker daemon/);
    await lost.stop();
  });
});

/** Whether a path of another operation fits a listed pattern as well. */
function fits(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replace(/:\w+/g, "[^/]+").replace(/\*\w+/g, ".+")}$`).test(path);
}

function upgradeHead(server: UiServer, { cookie, key }: Visitor, path: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${server.port}`,
    `Origin: ${server.origin}`,
    `Cookie: ${cookie}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Sec-WebSocket-Protocol: berth, ${key}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
