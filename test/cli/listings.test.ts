import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { json, serve, type TestServer } from "../client/server.ts";
import { runBerth } from "./berth.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function say(answer: unknown, ...words: string[]) {
  await server?.close();
  server = await serve((_request, response) => json(response, 200, answer));
  const { code, stdout, stderr } = await runBerth(server.host, words);
  assert.equal(code, 0, stderr);
  return stdout;
}

test("the nanoseconds of an event are printed to the last one", async () => {
  const line =
    '{"Type":"network","Action":"create","Actor":{"ID":"x","Attributes":{}},"time":1790000000,"timeNano":1790000000123456789}\n';
  server = await serve((_request, response) => response.end(line));
  for (const [format, said] of [
    ["{{.TimeNano}}", "1790000000123456789"],
    ['{{printf "%d %20d" .TimeNano .TimeNano}}', "1790000000123456789  1790000000123456789"],
    ["{{json .TimeNano}} {{if gt .TimeNano 5}}{{eq .TimeNano 5}}{{end}}", "1790000000123456789 false"],
    ["-{{json .}}", `-${line.trimEnd()}`],
  ] as const) {
    const { stdout, stderr } = await runBerth(server.host, ["events", "--format", format]);
    assert.equal(stdout, `${said}\n`, stderr);
  }
});

const names = ["b", "a10", "a2", "A1", "a-b", "a1b", "a02", "a_b", "a", "10", "9"];
const sorted = ["9", "10", "A1", "a", "a1b", "a2", "a02", "a10", "a-b", "a_b", "b"];

test("volumes and networks are listed in Docker's order of names", async () => {
  const volumes = names.map((Name) => ({ Name, Driver: "local", Scope: "local", Mountpoint: "/x" }));
  assert.deepEqual((await say({ Volumes: volumes }, "volume", "ls", "-q")).trimEnd().split("\n"), sorted);
  const networks = names.map((Name) => ({ Name, Id: Name, Driver: "bridge", Scope: "local" }));
  assert.deepEqual(
    (await say(networks, "network", "ls", "--format", "{{.Name}}")).trimEnd().split("\n"),
    sorted,
  );
});

const created = Date.parse("2023-11-14T22:13:20Z") / 1000;
const usage = {
  LayersSize: 100,
  Images: [
    {
      ...{
        Id: `sha256:${"a".repeat(64)}`,
        ParentId: "",
        RepoTags: ["busybox:latest", "busybox:1"],
        RepoDigests: [],
      },
      ...{ Created: created, Size: 4000, SharedSize: 10, Containers: 1, Labels: null },
    },
  ],
  Containers: [
    {
      ...{ Id: "c".repeat(64), Names: ["/web"], Image: "busybox", ImageID: "", Command: "sh <x>" },
      ...{ Created: created, Ports: [], SizeRw: 7, State: "running", Status: "Up 1 hour", Labels: {} },
      Mounts: [],
    },
  ],
  Volumes: [
    {
      ...{ Name: "data", Driver: "local", Scope: "local", Mountpoint: "/x", Labels: null },
      UsageData: { Size: 5, RefCount: 1 },
    },
  ],
  BuildCache: [
    {
      ...{ ID: "abcdefghijklmnopq", Type: "regular", Description: "x", InUse: false, Shared: false, Size: 5 },
      ...{ CreatedAt: "2026-01-01T00:00:00Z", LastUsedAt: null, UsageCount: 3 },
    },
  ],
};
const df = (format: string) => say(usage, "system", "df", "-v", "--format", format);

test("a template of system df -v is for all that there is", async () => {
  assert.equal(
    await df(
      "{{range .Images}}{{.Repository}} {{.Size}}{{end}}|{{range .Volumes}}{{.Name}} {{.Links}}{{end}}|{{range .Containers}}{{.Names}}{{end}}\\n{{range .BuildCache}}{{.ID}} {{.CreatedAt}}{{end}}",
    ),
    "busybox 4kB|data 1|web\nabcdefghijklmnopq 2026-01-01 00:00:00 +0000 UTC",
  );
  assert.equal(await df("table {{range .BuildCache}}{{.ID}}{{end}}"), "abcdefghijkl");
  for (const format of ["json", "{{json .}}"]) {
    const text = await df(format);
    assert.ok(text.startsWith('{"Images":[{"Containers":"1",'));
    // As Go encodes what is in it.
    assert.ok(text.includes("sh \\u003cx\\u003e"), text);
    const { Images, Containers, Volumes, BuildCache } = JSON.parse(text);
    assert.deepEqual(
      [Images[0].ID, Containers[0].Size, Volumes[0].Size, BuildCache[0].Parent],
      [usage.Images[0]?.Id, "7B", "5B", ""],
    );
  }
  assert.match(
    await df("raw"),
    /^type: Image\nrepository: busybox\n(?:.+\n)+virtual_size: 4kB\n\ntype: Container\n(?:.+\n)+labels:\nports:\nsize: 7B\n\ntype: Volume\nname: data\ndriver: local\n\ntype: Build Cache\n(?:.+\n)+shared: false\n\n$/,
  );
  for (const format of ["", "table"])
    assert.match(
      await df(format),
      /^Images space usage:\n\nREPOSITORY [\s\S]*\nBuild cache usage: 5B\n\nCACHE ID /,
    );
});
