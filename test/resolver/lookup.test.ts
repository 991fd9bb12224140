import assert from "node:assert/strict";
import { it } from "node:test";
import { lookUp } from "../../src/resolver/lookup.ts";
import { createNameIndex } from "../../src/resolver/name-index.ts";
import type { NamedEndpoint, NamedSandbox } from "../../src/supervisor-protocol/names.ts";

function on(
  network: string,
  names: string[],
  addresses: string[],
  links: [string, string][] = [],
): NamedEndpoint {
  return { network, networkId: `id of ${network}`, names, addresses, links };
}
function sandbox(id: string, endpoints: NamedEndpoint[], more: Partial<NamedSandbox> = {}): NamedSandbox {
  return { id, endpoints, servers: [], hasNdots: false, isIsolated: false, ...more };
}

const web = sandbox("web", [
  on("front", ["web", "www", "0123456789ab"], ["10.1.0.2", "fd00::2"]),
  on("back.end", ["web"], ["10.2.0.2"]),
]);
const db = sandbox("db", [on("back.end", ["db", "db.main"], ["10.2.0.3"])]);
const copies = ["10.1.0.4", "10.1.0.5"].map((address, number) =>
  sandbox(`copy${number}`, [on("front", [`copy${number}`, "Copy"], [address])]),
);
const index = createNameIndex();
for (const one of [web, db, ...copies]) index.put(one);

/** What is found, in short: addresses with commas, or the kind. */
function find(name: string, type = "A", asker = web): string {
  const found = lookUp(index, asker, name, type);
  if (found.kind === "addresses") return found.addresses.join(",");
  return found.kind === "name" ? found.name : found.kind;
}

it("a name leads to all that bear it on the first of the sandbox's networks that has it", () => {
  assert.equal(find("copy"), "10.1.0.4,10.1.0.5");
  assert.equal(find("WWW"), "10.1.0.2");
  assert.equal(find("web", "AAAA"), "fd00::2");
  assert.equal(find("db"), "10.2.0.3");
  assert.equal(find("0123456789ab"), "10.1.0.2");
});
it("names and networks may have dots, and are compared without case", () => {
  assert.equal(find("db.main"), "10.2.0.3");
  assert.equal(find("DB.Main.Back.End"), "10.2.0.3");
  assert.equal(find("web.back.end"), "10.2.0.2");
});
it("a name that exists has nothing of another type, here or elsewhere", () => {
  for (const type of ["MX", "TXT", "ANY", "HTTPS", "SRV"]) assert.equal(find("db", type), "nothing");
  assert.equal(find("db", "AAAA"), "nothing");
});
it("a name of one of the sandbox's networks is asked nowhere else, but those of others are no names here", () => {
  assert.equal(find("nobody.front"), "nonexistent");
  assert.equal(find("db", "A", copies[0]), "elsewhere");
  assert.equal(find("db.back.end", "A", copies[0]), "elsewhere");
  assert.equal(find("other.front", "A", db), "elsewhere");
});
it("a network called like a domain takes no more than one label from it", () => {
  assert.equal(find("www.other.front"), "elsewhere");
  assert.equal(find("db.main.back.end"), "10.2.0.3");
});
it("an address leads to the first name, with its network", () => {
  assert.equal(find("2.0.1.10.in-addr.arpa", "PTR"), "web.front");
  assert.equal(find("3.0.2.10.IN-ADDR.ARPA", "PTR"), "db.back.end");
  assert.equal(find("3.0.2.10.in-addr.arpa", "PTR", copies[0]), "elsewhere");
  assert.equal(find("2.0.1.10.in-addr.arpa", "TXT"), "nothing");
  assert.equal(find(`2.${"0.".repeat(27)}0.0.d.f.ip6.arpa`, "PTR"), "web.front");
  for (const odd of [
    "in-addr.arpa",
    "1.in-addr.arpa",
    "x.0.1.10.in-addr.arpa",
    "999.0.1.10.in-addr.arpa",
    "ip6.arpa",
  ])
    assert.equal(find(odd, "PTR"), "elsewhere", odd);
});
it("a link is its sandbox's alone, and comes before what others are called", () => {
  const asker = sandbox("asker", [
    on(
      "front",
      ["asker"],
      ["10.1.0.9"],
      [
        ["Web", "copy0"],
        ["gone", "nobody"],
      ],
    ),
  ]);
  index.put(asker);
  assert.equal(find("web", "A", asker), "10.1.0.4");
  assert.equal(find("gone", "A", asker), "elsewhere");
  assert.equal(find("web"), "10.1.0.2");
  index.remove("asker");
  assert.equal(find("asker"), "elsewhere");
});
it("one that counts dots itself is sent on to its search domains", () => {
  const counting = { ...web, hasNdots: true };
  assert.equal(find("unknown", "A", counting), "nothing");
  assert.equal(find("unknown", "MX", counting), "elsewhere");
  assert.equal(find("un.known", "A", counting), "elsewhere");
});
it("what is put again replaces what was there, and what is removed leaves nothing", () => {
  const before = createNameIndex();
  before.put(db);
  before.put(sandbox("db", [on("back.end", ["other"], ["10.2.0.7"])]));
  assert.equal(before.findAddresses("id of back.end", "db"), undefined);
  assert.deepEqual(before.findAddresses("id of back.end", "other"), ["10.2.0.7"]);
  assert.equal(before.findName("id of back.end", "10.2.0.3"), undefined);
  before.remove("db");
  assert.equal(before.findName("id of back.end", "10.2.0.7"), undefined);
});
it("odd names are no names of objects", () => {
  for (const name of ["__proto__", "constructor", "", ".", "..", "a..b", "-"])
    assert.equal(find(name), "elsewhere", name);
});
