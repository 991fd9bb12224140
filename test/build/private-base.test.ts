import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { makeTar } from "../images/fixtures.ts";
import { startRegistry, type TestRegistry } from "../registry/fixtures.ts";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("an image of a private registry", () => {
  const { engine, berth } = useEngine();
  const login = { username: "anna", password: "s3cret" };
  let registry: TestRegistry;
  let image: string;

  function post(path: string, headers: Record<string, string>, body?: Buffer): Promise<string> {
    const [, socketPath = ""] = engine.host.split("://");
    return new Promise((resolve, reject) => {
      const call = request({ socketPath, method: "POST", path, headers, agent: false });
      call.on("error", reject).on("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve(text));
      });
      call.end(body);
    });
  }

  function build(dockerfile: string, config: string): Promise<string> {
    const headers = { "Content-Type": "application/x-tar", "X-Registry-Config": config };
    return post(
      "/build?nocache=1",
      headers,
      makeTar([{ name: "Dockerfile", data: Buffer.from(dockerfile) }]),
    );
  }

  before(async () => {
    registry = await startRegistry({
      checkPassword: async (user, password) => user === login.username && password === login.password,
    });
    image = `${registry.host}/base:1`;
    await berth("tag", "busybox", image);
    const pushed = await post(`/images/${registry.host}/base/push?tag=1`, {
      "X-Registry-Auth": encode({ UserName: login.username, Password: login.password }),
    });
    assert.doesNotMatch(pushed, /error/);
    await berth("rmi", image);
  });
  after(() => registry.close());

  const refusal = /no basic auth credentials|unauthorized/;

  it("is pulled for a classic build by the logins that come with it", async () => {
    const from = `FROM ${image}\nLABEL a=b\n`;
    const copy = `FROM scratch\nCOPY --from=${image} /bin/busybox /b\n`;
    for (const dockerfile of [from, copy]) {
      for (const name of [registry.host, `http://${registry.host}/v2/`]) {
        assert.match(await build(dockerfile, encode({ other: 5, [name]: login })), /Successfully built/);
        await berth("rmi", image);
      }
      const hub = "https://index.docker.io/v1/";
      for (const config of [
        "",
        "nonsense",
        encode({}),
        encode({ [registry.host]: 7 }),
        encode({ [hub]: login }),
      ])
        assert.match(await build(dockerfile, config), refusal, config);
    }
  });

  it("is refused to a client whose login cannot be read, which is no error of its own", async () => {
    for (const header of ["nonsense", encode([]), encode({ username: 1 })]) {
      const pulled = await post(`/images/create?fromImage=${image}`, { "X-Registry-Auth": header });
      assert.match(pulled, refusal);
      assert.doesNotMatch(pulled, /X-Registry-Auth/);
    }
  });
});
