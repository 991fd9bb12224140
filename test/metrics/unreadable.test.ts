import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { it } from "node:test";
import { serveMetrics } from "../../src/daemon/metrics.ts";
import type { OpenEngine } from "../../src/engine/engine.ts";
import { createLogger } from "../../src/logger.ts";

it("metrics that cannot be read end nothing: the next question is answered as well", async (test) => {
  const containers = {
    get metrics(): never {
      throw new Error("EMFILE: too many open files");
    },
  };
  const engine = { containers, config: { id: "" }, logger: createLogger("silent") } as unknown as OpenEngine;
  const server = await serveMetrics(engine, { host: "127.0.0.1", port: 0 });
  test.after(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  for (let time = 0; time < 2; time++) {
    const answer = await fetch(address);
    assert.deepEqual([answer.status, await answer.text()], [500, "the metrics could not be read\n"]);
  }
});
