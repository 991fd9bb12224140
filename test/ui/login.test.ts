import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { hash } from "bcryptjs";
import { eventually } from "../engine.ts";
import { ask, logIn, startUi, type UiServer, useUi } from "./server.ts";

describe("logging in to the page", () => {
  const { engine, ui: server } = useUi();
  let ui: UiServer;
  before(() => {
    ui = server();
  });

  const login = (token: string, headers: Record<string, string> = {}) =>
    ask(ui, "POST", "/ui/login", { body: JSON.stringify({ token }), headers });

  it("shows the page to all, and the engine to none without a login", async () => {
    const page = await ask(ui, "GET", "/");
    assert.equal(page.status, 200);
    assert.match(page.body, /<script type="module" src="\/main-\w+\.js">/);
    for (const path of ["/api/containers/json", "/api/version", "/ui/session", "/ui/history?since=0"]) {
      const answer = await ask(ui, "GET", path);
      assert.deepEqual([answer.status, answer.body], [401, '{"message":"log in first"}'], path);
      assert.equal(answer.headers["www-authenticate"], "Berth");
    }
    assert.equal((await ask(ui, "POST", "/api/containers/prune")).status, 401);
  });

  it("opens the engine to a login", async () => {
    const { headers } = await logIn(ui);
    assert.equal((await ask(ui, "GET", "/api/version", { headers })).status, 200);
  });

  it("takes each token once", async () => {
    const token = await ui.freshToken();
    assert.equal((await login(token)).status, 200);
    assert.equal((await login(token)).status, 403);
    await eventually(ui.token, (next) => next !== token);
  });

  it("wants cookie and key together: a container's port gets the cookie, too", async () => {
    const first = await logIn(ui);
    const second = await logIn(ui);
    const tries: Record<string, string>[] = [
      { Cookie: first.cookie },
      { "X-Berth-Key": first.key },
      { Cookie: first.cookie, "X-Berth-Key": second.key },
      { Cookie: first.cookie, "X-Berth-Key": "" },
      { Cookie: `${first.cookie}x`, "X-Berth-Key": first.key },
    ];
    for (const headers of tries)
      assert.equal((await ask(ui, "GET", "/api/version", { headers })).status, 401);
  });

  it("gives a cookie that no script and no other site has", async () => {
    const answer = await login(await ui.freshToken());
    const cookie = String(answer.headers["set-cookie"]);
    assert.match(
      cookie,
      new RegExp(`^berth-ui-${ui.port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200$`),
    );
  });

  it("keeps no session that a browser brings along (fixation)", async () => {
    const planted = `berth-ui-${ui.port}=${"A".repeat(43)}`;
    const visitor = await logIn(ui, { Cookie: planted });
    assert.notEqual(visitor.cookie, planted);
    const withPlanted = { Cookie: planted, "X-Berth-Key": visitor.key };
    assert.equal((await ask(ui, "GET", "/api/version", { headers: withPlanted })).status, 401);
    const again = await logIn(ui, { Cookie: visitor.cookie });
    assert.notEqual(again.cookie, visitor.cookie);
    assert.equal((await ask(ui, "GET", "/api/version", { headers: visitor.headers })).status, 401);
  });

  it("finds its cookie behind those that another port has set for a longer path", async () => {
    const { cookie, key } = await logIn(ui);
    const name = `berth-ui-${ui.port}`;
    const headers = {
      Cookie: `${name}=planted; other=1; ${name}=; ${cookie}; ${name}=x`,
      "X-Berth-Key": key,
    };
    assert.equal((await ask(ui, "GET", "/api/version", { headers })).status, 200);
    const download = JSON.stringify({ target: "/version", fileName: "version" });
    const { body } = await ask(ui, "POST", "/ui/download", { headers, body: download });
    const { Cookie } = headers;
    assert.equal((await ask(ui, "GET", JSON.parse(body).url, { headers: { Cookie } })).status, 200);
    assert.equal((await ask(ui, "POST", "/ui/logout", { headers, body: "{}" })).status, 200);
    assert.equal((await ask(ui, "GET", "/api/version", { headers })).status, 401);
  });

  it("ends a session at its logout", async () => {
    const visitor = await logIn(ui);
    assert.equal((await ask(ui, "POST", "/ui/logout", { headers: visitor.headers, body: "{}" })).status, 200);
    assert.equal((await ask(ui, "GET", "/api/version", { headers: visitor.headers })).status, 401);
  });

  it("slows wrong tries down, also many at once", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => login("wrong")));
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.filter((status) => status === 403).length <= 5, String(statuses));
    const refused = answers.find(({ status }) => status === 429);
    assert.match(String(refused?.headers["retry-after"]), /^\d+$/);
    assert.match(String(refused?.body), /too many wrong tries/);
  });

  it("refuses bodies that are none of a login", async () => {
    const other = await startUi(engine.host);
    const send = (body: string, headers: Record<string, string> = {}) =>
      ask(other, "POST", "/ui/login", { body, headers });
    assert.equal((await send("{}", { "Content-Type": "text/plain" })).status, 415);
    assert.equal((await send("[]")).status, 400);
    assert.equal((await send(`{"token":"${"x".repeat(20_000)}"}`)).status, 413);
    assert.equal((await send('{"token":{"length":5}}')).status, 403);
    await other.stop();
  });
});

describe("logging in with a password", () => {
  const { engine, ui: server } = useUi(async (engine) => {
    const file = join(engine.folder, "passwords");
    writeFileSync(file, `ada:${await hash("lovelace", 4)}\n`);
    return [["--password-file", file]];
  });
  let ui: UiServer;
  before(() => {
    ui = server();
  });

  const login = (fields: object) => ask(ui, "POST", "/ui/login", { body: JSON.stringify(fields) });

  it("takes the right name and password, and no token", async () => {
    assert.equal(ui.token(), "");
    assert.equal((await ask(ui, "GET", "/ui/login")).body, '{"hasPasswords":true}');
    assert.equal((await login({ name: "ada", password: "wrong" })).status, 403);
    assert.equal((await login({ token: "" })).status, 403);
    const answer = await login({ name: "ada", password: "lovelace" });
    assert.equal(answer.status, 200);
    assert.match(answer.body, /"key":"[\w-]{43}"/);
  });

  it("says that the passwords cannot be read, in words of the page", async () => {
    rmSync(join(engine.folder, "passwords"));
    const answer = await login({ name: "ada", password: "lovelace" });
    assert.deepEqual([answer.status, answer.body], [500, '{"message":"the password file cannot be read"}']);
  });
});
