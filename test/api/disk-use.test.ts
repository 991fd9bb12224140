import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiRequest } from "../../src/api/request.ts";
import { df } from "../../src/api/system.ts";

/** An engine with nothing in it, whose images take a while to measure. */
function arrange() {
  const measuring: { signal: AbortSignal; end: PromiseWithResolvers<number> }[] = [];
  const images = {
    list: () => [],
    diskUseBytes(signal: AbortSignal) {
      const end = Promise.withResolvers<number>();
      signal.addEventListener("abort", () => end.reject(signal.reason));
      measuring.push({ signal, end });
      return end.promise;
    },
  };
  const logger = { warn: () => assert.fail("a warning") };
  const containers = { byId: new Map(), images, volumes: { list: () => [] }, logger };
  const ask = (query: string, signal = new AbortController().signal, version = 51) =>
    df({
      engine: { containers, builder: { usage: async () => [] } },
      query: new URLSearchParams(query),
      version,
      signal,
    } as unknown as ApiRequest);
  return { ask, measuring };
}

test("what disk is used for is asked by types that there are", async () => {
  const { ask, measuring } = arrange();
  for (const type of ["foo", ""])
    await assert.rejects(ask(`type=volume&type=${type}`), {
      kind: "invalid",
      message: `unknown object type: ${type}`,
    });
  assert.deepEqual((await ask("type=volume")).body, {
    ...{ LayersSize: 0, Images: null, Containers: null, Volumes: [], BuildCache: null },
  });
  const old = ask("type=foo", undefined, 41);
  measuring[0]?.end.resolve(5);
  assert.deepEqual(
    Object.values((await old).body as object).map((value) => value === null),
    [...[false, false, false, false, false]],
  );
});

test("what disk is used for is measured once for all who ask meanwhile, as long as one of them waits", async () => {
  const { ask, measuring } = arrange();
  const gone = [new AbortController(), new AbortController()];
  const asked = gone.map(({ signal }) => ask("type=image", signal));
  assert.equal(measuring.length, 1);
  gone[0]?.abort();
  await assert.rejects(asked[0]!);
  assert.equal(measuring[0]?.signal.aborted, false);
  gone[1]?.abort();
  await assert.rejects(asked[1]!);
  assert.equal(measuring[0]?.signal.aborted, true);
});
