import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { stockDockers } from "../stock-docker.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const own = [process.execPath, main];

describe("pruneFilters of config.json", () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-prune-"));
  const asked: string[] = [];
  const server = createServer(({ method, url = "" }, answer) => {
    const { pathname, searchParams } = new URL(url, "http://engine");
    if (method === "POST") asked.push(`${pathname.replace(/^\/v[\d.]+/, "")} ${showFilters(searchParams)}`);
    answer.writeHead(200, { "Api-Version": "1.51", "Content-Type": "application/json" }).end("{}");
  });
  before(() => once(server.listen(0, "127.0.0.1"), "listening"));
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  /** What a command asks the engine for, and what it says. */
  async function run([program = "", ...before]: readonly string[], words: readonly string[], input = "") {
    const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // The builder of a newer docker is its plugin, which asks for a session.
    const env = { PATH: process.env.PATH ?? "", HOME: folder, DOCKER_BUILDKIT: "0" };
    const child = spawn(program, [...before, "--config", folder, "-H", host, ...words], { env });
    let output = "";
    child.stdout.on("data", (text) => (output += text));
    child.stdin.end(input);
    await once(child, "close");
    return { asked: asked.splice(0), output };
  }

  const lines = [
    ["container", "prune"],
    ["image", "prune", "-a"],
    ["network", "prune"],
    ["volume", "prune"],
    ["builder", "prune"],
    ["system", "prune"],
    ["system", "prune", "--volumes"],
    ["container", "prune", "--filter", "label!=keep", "--filter", "label=mine"],
    ["network", "prune", "--filter", "label=disposable=no"],
    ["volume", "prune", "--filter", "label=a=b"],
  ];
  const files = [
    ["label!=keep", "label=disposable=yes", "label!=disposable=no"],
    ["label=keep", "label!=a=b", "label!=mine", "nonsense", "label=keep"],
  ];

  it("go along with those of the line, unless that says the contrary", async () => {
    for (const pruneFilters of files) {
      writeFileSync(join(folder, "config.json"), JSON.stringify({ pruneFilters }));
      for (const words of lines) {
        const { asked: requests } = await run(own, [...words, "-f"]);
        const [first = ""] = requests;
        assert.match(first, /label!?=/, words.join(" "));
      }
    }
    writeFileSync(join(folder, "config.json"), JSON.stringify({ pruneFilters: files[0] }));
    const contrary = ["container", "prune", "-f", "--filter", "label=keep"];
    assert.deepEqual((await run(own, contrary)).asked, [
      "/containers/prune label!=disposable=no label=disposable=yes label=keep",
    ]);
  });

  for (const docker of stockDockers.filter((path) => path.includes("peers"))) {
    it(`as ${docker.split("/").at(-2)}'s docker sends them, and asks before`, async () => {
      for (const pruneFilters of files) {
        writeFileSync(join(folder, "config.json"), JSON.stringify({ pruneFilters }));
        // Docker 28.5 forgets the file's filters where the line has none, and removes what they were to keep.
        const isForgetful = docker.includes("/sid/");
        for (const words of lines.filter((line) => !isForgetful || line.includes("--filter"))) {
          const ours = await run(own, [...words, "-f"]);
          assert.deepEqual(ours.asked, (await run([docker], [...words, "-f"])).asked, words.join(" "));
        }
        const asking = ["system", "prune", "--filter", "label=a"];
        const [ours, theirs] = [await run(own, asking, "n\n"), await run([docker], asking, "n\n")];
        const filtered = /Items to be pruned will be filtered with:\n(?: {2}- .*\n)+/;
        assert.equal(filtered.exec(ours.output)?.[0], filtered.exec(theirs.output)?.[0]);
        assert.match(ours.output, filtered);
      }
    });
  }
});

/** Sorted: `label=a label!=b`. */
function showFilters(query: URLSearchParams): string {
  const filters: Record<string, string[] | Record<string, boolean>> = JSON.parse(
    query.get("filters") ?? "{}",
  );
  const texts = Object.entries(filters).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : Object.keys(values)).map((value) => `${name}=${value}`),
  );
  return texts.sort().join(" ");
}
