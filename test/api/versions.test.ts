import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { routes } from "../../src/api/routes.ts";
import { findForeignSite } from "../../src/api/site.ts";
import { useEngine } from "../engine.ts";
import { operations } from "./specification.ts";

describe("a request of another version", () => {
  const { engine, berth } = useEngine();
  const get = async (path: string) => JSON.parse((await engine.api("GET", path)).body);

  it("is answered as that version was", async () => {
    await berth("run", "--name", "made", "-v", "/data", "busybox", "true");
    await berth("commit", "--change", "VOLUME /data", "made", "mine");
    const id = await berth("inspect", "-f", "{{.Id}}", "made");
    const old = await get("/v1.44/images/mine/json");
    assert.equal(old.Container, id);
    assert.deepEqual(Object.keys(old.ContainerConfig.Volumes), ["/data"]);
    assert.ok(!("VirtualSize" in old));
    const older = await get("/v1.43/images/mine/json");
    assert.equal(older.VirtualSize, older.Size);
    const newest = await get("/images/mine/json");
    for (const key of ["Container", "ContainerConfig", "VirtualSize"]) assert.ok(!(key in newest), key);
    for (const [path, list] of [
      ["/images/json", (body: object[]) => body],
      ["/system/df", (body: { Images: object[] }) => body.Images],
    ] as const) {
      const images = (version: string) => get(`${version}${path}`).then(list as never) as Promise<object[]>;
      for (const image of await images("/v1.43")) assert.ok("VirtualSize" in image, path);
      for (const image of await images("/v1.44")) assert.ok(!("VirtualSize" in image), path);
    }
    await berth("rm", "-v", "made");
    await berth("rmi", "mine");
  });

  it("of before 1.24 is served as that one, and refused beyond", async () => {
    for (const version of ["1.12", "1.22", "1.23"])
      assert.equal((await engine.api("GET", `/v${version}/containers/json`)).status, 200, version);
    for (const version of ["1.11", "1.99", "2.0", "0.9"])
      assert.equal((await engine.api("GET", `/v${version}/containers/json`)).status, 400, version);
  });

  it("may ask what it may ask, and end the path of networks with a slash", async () => {
    for (const path of ["/anything", "/v1.40/containers/json", "/_ping"])
      assert.equal((await engine.api("OPTIONS", path)).status, 200, path);
    assert.equal((await get("/networks/")).length, (await get("/networks")).length);
    assert.equal((await engine.api("GET", "/volumes/")).status, 404);
  });

  it("for a platform that there is none of asks no registry", async () => {
    const words = '"foobar": unknown operating system or architecture: invalid argument';
    for (const [path, body] of [
      ["/images/create?fromImage=registry.invalid/x&tag=1&platform=foobar", undefined],
      ["/containers/create?platform=foobar", { Image: "busybox", Cmd: ["a"] }],
    ] as const) {
      const answer = await engine.api("POST", path, body);
      assert.deepEqual([answer.status, JSON.parse(answer.body).message], [400, words]);
    }
    const other = await engine.api("POST", "/containers/create?platform=linux/s390x", {
      Image: "busybox",
      Cmd: ["a"],
    });
    assert.equal(other.status, 404);
  });
});

describe("the table of operations", () => {
  const { engine } = useEngine();

  it("has each once", () => {
    const names = routes.map(([method, path]) => `${method} ${path}`);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it("has all of the specification's, and what cannot be done says so by name", async () => {
    for (const operation of operations) {
      const [method = "", pattern = ""] = operation.split(" ");
      // Events of the past end by themselves.
      const path = `${pattern.replace(/\{\w+\}/g, "nosuch")}?until=1`;
      const { status, body } = await engine.api(method, path);
      const isUnknown = status === 404 && /page not found/.test(body);
      assert.equal(isUnknown, pattern.includes("/checkpoints"), `${operation}: ${body}`);
      if (status === 501) assert.match(body, /not yet supported: |not supported"/, operation);
      assert.notEqual(status, 500, `${operation}: ${body}`);
    }
  });
});

describe("a web page", () => {
  const foreign = (headers: Record<string, string>) =>
    findForeignSite(headers, ["docker.example.lan"]) !== undefined;

  it("of another site is refused, and nobody else", () => {
    const rows: [headers: Record<string, string>, isForeign: boolean][] = [
      [{}, false],
      [{ host: "127.0.0.1:2375" }, false],
      [{ host: "[::1]:2375" }, false],
      [{ host: "localhost:2375" }, false],
      [{ host: "dind:2375" }, false],
      [{ host: "docker.example.lan:2375" }, false],
      [{ host: "rebound.example.com:2375" }, true],
      [{ host: "127.0.0.1.example.com" }, true],
      [{ host: "127.0.0.1:2375", origin: "http://127.0.0.1:2375" }, false],
      [{ host: "127.0.0.1:2375", origin: "http://example.com" }, true],
      [{ host: "127.0.0.1:2375", origin: "null" }, true],
      [{ host: "127.0.0.1:2375", "sec-fetch-site": "cross-site" }, true],
      [{ host: "127.0.0.1:2375", "sec-fetch-site": "same-origin" }, false],
    ];
    for (const [headers, isForeign] of rows)
      assert.equal(foreign(headers), isForeign, JSON.stringify(headers));
  });
});
