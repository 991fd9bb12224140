import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { callCompose, FollowedCompose, findComposes } from "./stock-compose.ts";

const project = `
services:
  crashing:
    image: busybox
    restart: always
    command: sh -c 'echo line; sleep 0.5; exit 3'
`;

/** Older ones give a container up that ends, with any engine. */
const composes = findComposes().filter(({ generation, minor }) => generation === 2 && minor >= 40);

for (const stock of composes) {
  describe(`a service that crashes, with ${stock.title}`, () => {
    const { engine, berth } = useEngine();
    const folder = mkdtempSync(join(tmpdir(), "crashing-"));
    after(() => rmSync(folder, { recursive: true }));
    const place = { folder, project: "shop", host: () => engine.host };

    it("has each line of its log shown once", async () => {
      writeFileSync(join(folder, "docker-compose.yml"), project);
      await callCompose(stock, place, ["up", "-d"]);
      const logs = new FollowedCompose(stock, place, ["logs", "-f", "--no-color"]);
      await logs.shows(/\| line/);
      const restarts = () => berth("inspect", "-f", "{{.RestartCount}}", "shop-crashing-1");
      const before = Number(await restarts());
      await eventually(restarts, (count) => Number(count) >= before + 3);
      await berth("stop", "-t", "0", "shop-crashing-1");
      const written = (await berth("logs", "shop-crashing-1")).split("\n").length;
      const shown = () => logs.text.match(/\| line/g)?.length ?? 0;
      await eventually(shown, (count) => count >= written);
      await logs.end();
      assert.equal(shown(), written);
      await callCompose(stock, place, ["down"]);
    });
  });
}
