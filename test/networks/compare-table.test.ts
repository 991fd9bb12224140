import assert from "node:assert/strict";
import { test } from "node:test";
import { compareListings } from "../../src/networks/compare-table.ts";
import type { NftObject } from "../../src/sys/nftables.ts";

const most = 100_000;
const pad = (number: number) => String(number).padStart(6, "0");
const listing = (kind: string, name: string, first: number): NftObject[] => [
  { [kind]: { name, elem: Array.from({ length: most }, (_, number) => pad(first + number)) } },
];

test("tables of any size are compared while others have their turns", async () => {
  let turns = 0;
  let isDone = false;
  const take = () => {
    turns++;
    if (!isDone) setImmediate(take);
  };
  setImmediate(take);
  assert.deepEqual(
    await compareListings(listing("map", "published", 1), listing("map", "published", 0), true),
    [
      { subject: "published ports", problem: "000000 is missing" },
      { subject: "published ports", problem: `${pad(most)} belongs to no container` },
    ],
  );
  assert.deepEqual(await compareListings(listing("set", "bridges", 1), listing("set", "bridges", 0), true), [
    {
      subject: "packet filter",
      problem: "set bridges has 1 elements that are not of this engine and lacks 1 of its own",
    },
  ]);
  isDone = true;
  assert.ok(turns > 10, `${turns} turns`);
});
