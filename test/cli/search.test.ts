import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { output, useEngine } from "../engine.ts";
import { pushImage, startRegistry } from "../registry/fixtures.ts";

const finds = [
  { name: "web", description: "Serves\npages", star_count: 12, is_official: true, is_automated: false },
  { name: "team/web", description: "x".repeat(60), star_count: 3, is_official: false, is_automated: true },
];

describe("search", () => {
  const { engine, berth } = useEngine();
  const asked: string[] = [];
  let server: Server;
  let host: string;

  before(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? "");
      const isSearch = request.url?.startsWith("/v1/search");
      response.writeHead(isSearch || request.url === "/v2/" ? 200 : 404, {
        "Content-Type": "application/json",
      });
      response.end(isSearch ? JSON.stringify({ num_results: 2, results: finds }) : "{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  it("asks a registry that has Docker's search, and shows what it finds as docker does", async () => {
    const table = await berth("search", `${host}/web`);
    assert.match(table, /^NAME +DESCRIPTION +STARS +OFFICIAL$/m);
    assert.match(table, new RegExp(`^${host}/web +Serves pages +12 +\\[OK\\]$`, "m"));
    assert.match(table, new RegExp(`^${host}/team/web +x{44}… +3 *$`, "m"));
    assert.ok(asked.includes("/v1/search?q=web&n=25"), asked.join(" "));
    const format = ["--format", "{{.Name}} {{.StarCount}} {{.IsOfficial}}"];
    for (const [words, count] of [
      [["--filter", "stars=4"], 1],
      [["--filter", "is-official=false"], 1],
      [["--limit", "1"], 1],
      [[], 2],
    ] as const) {
      const ours = await berth("search", ...format, ...words, `${host}/web`);
      assert.equal(ours.split("\n").length, count);
      assert.equal(await output(engine.cli("docker"), ["search", ...format, ...words, `${host}/web`]), ours);
    }
  });

  it("looks through the catalog of a registry that has no search", async () => {
    const registry = await startRegistry();
    try {
      await pushImage(registry.url, "apps/frontend", "1");
      await pushImage(registry.url, "apps/backend", "1");
      assert.equal(
        await berth("search", "--format", "{{.Name}}", `${registry.host}/front`),
        `${registry.host}/apps/frontend`,
      );
      assert.equal(await berth("search", "--format", "{{.Name}}", `${registry.host}/nothing`), "");
    } finally {
      await registry.close();
    }
  });

  it("refuses what makes no sense", async () => {
    const refuse = async (...words: string[]) => (await engine.berth(["search", ...words])).stderr;
    assert.match(await refuse("--limit", "101", "x"), /limit 101 is outside the range of \[1, 100\]/);
    assert.match(await refuse("--filter", "stars=many", "x"), /invalid filter 'stars=many'/);
    assert.match(await refuse("--filter", "colour=red", "x"), /invalid filter/);
  });
});
