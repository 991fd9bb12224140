import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deleteRemoteManifest,
  listRemoteRepositories,
  listRemoteTags,
} from "../../src/distribution/contents.ts";
import { startNetwork } from "../../src/distribution/network.ts";
import { openRegistries } from "../../src/distribution/registries.ts";
import { defaultRegistrySettings } from "../../src/distribution/settings.ts";
import { digestOf } from "../../src/formats/digest.ts";
import { startServer } from "./fixtures.ts";

const asking = { auth: {} };

async function open() {
  const network = startNetwork();
  return {
    registries: openRegistries(defaultRegistrySettings, network),
    [Symbol.asyncDispose]: async () => void (await network.close()),
  };
}

const json = (body: unknown, headers: Record<string, string> = {}) => [200, body, headers] as const;

test("a registry's repositories come page by page, and what is no name is left out", async () => {
  await using engine = await open();
  await using server = await startServer((request, response) => {
    const last = new URL(request.url ?? "", "http://x").searchParams.get("last");
    const [status, body, headers] = !request.url?.startsWith("/v2/_catalog")
      ? json({})
      : last
        ? json({ repositories: ["b/c", 7, "x".repeat(300)] })
        : json({ repositories: ["z", "a"] }, { link: '</v2/_catalog?last=z>; rel="next"' });
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  });
  assert.deepEqual(await listRemoteRepositories(engine.registries, server.host, asking), {
    names: ["a", "b/c", "z"],
    isCut: false,
  });
});

test("a registry whose list never ends, is none, or is refused, is an error and no endless question", async () => {
  await using engine = await open();
  let answer: { status: number; body: string; link?: string } = { status: 200, body: "" };
  await using server = await startServer((request, response) => {
    const isList = request.url?.startsWith("/v2/_catalog") ?? false;
    const { status, body, link } = isList ? answer : { status: 200, body: "{}" };
    response.writeHead(status, link === undefined ? {} : { link }).end(body);
  });
  const list = () => listRemoteRepositories(engine.registries, server.host, asking);
  const next = '</v2/_catalog?last=a>; rel="next"';
  answer = { status: 200, body: '{"repositories":["a"]}', link: next };
  await assert.rejects(list(), /does not come to an end/);
  answer = { status: 200, body: "[[[[[[" };
  await assert.rejects(list());
  answer = { status: 200, body: '{"repositories":{"a":1}}' };
  assert.deepEqual(await list(), { names: [], isCut: false });
  answer = { status: 404, body: '{"errors":[{"code":"UNSUPPORTED","message":"no list here"}]}' };
  await assert.rejects(list(), { kind: "notFound" });
  answer = { status: 401, body: '{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}' };
  await assert.rejects(list(), { kind: "unauthorized" });
});

test("tags are listed, and a manifest is deleted or the refusal is said", async () => {
  await using engine = await open();
  const deleted: string[] = [];
  let status = 202;
  await using server = await startServer((request, response) => {
    if (request.method === "DELETE") {
      deleted.push(request.url ?? "");
      response.writeHead(status).end('{"errors":[{"code":"UNSUPPORTED","message":"deletes nothing"}]}');
    } else response.end('{"tags":["2","1",3]}');
  });
  const place = { domain: server.host, path: "team/app", digest: digestOf("x") };
  assert.deepEqual(await listRemoteTags(engine.registries, place, asking), ["1", "2"]);
  await deleteRemoteManifest(engine.registries, place, asking);
  assert.deepEqual(deleted, [`/v2/team/app/manifests/${place.digest}`]);
  status = 405;
  await assert.rejects(deleteRemoteManifest(engine.registries, place, asking), /deletes nothing/);
});
