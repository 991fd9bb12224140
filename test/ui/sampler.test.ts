import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createEngineLink } from "../../src/ui/engine-link.ts";
import { createSampler } from "../../src/ui/sampler.ts";
import { eventually } from "../engine.ts";
import { startFakeEngine } from "./own-server.ts";

describe("an engine that does not answer the sampler", () => {
  // Each of its questions, of berth and of a dockerd.
  for (const [hanging, isBerth] of [
    ["/_ping", true],
    ["/berth/stats", true],
    ["/containers/json", false],
    ["/containers/a/stats", false],
  ] as const)
    it(`is asked again later: ${hanging}`, async () => {
      let hangs = 0;
      const engine = await startFakeEngine(({ url = "" }, output) => {
        if (hangs === 0 && url.includes(hanging)) hangs++;
        else if (url.endsWith("/_ping")) output.setHeader("API-Version", "1.51").end();
        else if (url.includes("/containers/json")) output.end('[{"Id":"a","Names":["/a"]}]');
        else if (isBerth || url.includes("/containers/a/")) output.end("[]");
        else output.writeHead(404).end();
      });
      const messages: string[] = [];
      const sampler = createSampler({
        engine: createEngineLink(engine.client),
        onMoment: () => {},
        mostMilliseconds: 100,
      });
      sampler.follow((message) => messages.push(message));
      await eventually(
        () => messages.length,
        (count) => count > 0,
      );
      assert.equal(hangs, 1);
      sampler.close();
      await engine.close();
    });
});
