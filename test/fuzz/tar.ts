import assert from "node:assert/strict";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { makeArchive } from "./tar-grammar.ts";
import type { Target } from "./target.ts";

/** Archives, read however they are cut. */
export const tar: Target = {
  name: "tar",
  smallCount: 20_000,
  mostMilliseconds: 50,
  open: () => ({
    attempt(random) {
      const archive = makeArchive(random);
      const reader = createTarReader();
      let left: number | undefined;
      for (let at = 0; at < archive.length; ) {
        const end = at + random.pick([1, 100, 512, 4096, 65_536]);
        for (const event of reader.push(archive.subarray(at, end))) {
          if (event.kind === "entry") {
            assert.equal(left, undefined, "an entry within another");
            assert.ok(!event.entry.name.includes("\0") && !event.entry.linkName?.includes("\0"));
            left = event.entry.sizeBytes;
          } else if (event.kind === "end") {
            assert.equal(left, 0, "not all of the entry came");
            left = undefined;
          } else left = (left as number) - (event.kind === "data" ? event.data.length : event.lengthBytes);
        }
        at = end;
      }
      reader.finish();
    },
  }),
};
