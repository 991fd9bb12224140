import assert from "node:assert/strict";
import { it } from "node:test";
import { createApiServer } from "../../src/api/server.ts";

it("sets no time within which a request must have come, or the next one must come", () => {
  for (const server of [createApiServer(), createApiServer({})]) {
    assert.deepEqual([server.requestTimeout, server.keepAliveTimeout], [0, 0]);
  }
});
