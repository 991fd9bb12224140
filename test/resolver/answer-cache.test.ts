import assert from "node:assert/strict";
import { it } from "node:test";
import { decode, encode } from "dns-packet";
import type { Forwarder } from "../../src/resolver/forward.ts";
import { createNameIndex } from "../../src/resolver/name-index.ts";
import { type Asker, createResponder } from "../../src/resolver/respond.ts";
import type { NamedSandbox } from "../../src/supervisor-protocol/names.ts";

const sandbox = (id: string, name: string, ...addresses: string[]): NamedSandbox => ({
  id,
  endpoints: [{ network: "net", networkId: "net", names: [name, "all"], addresses, links: [] }],
  servers: [],
  hasNdots: false,
  isIsolated: false,
});
const index = createNameIndex();
const forwarded: string[] = [];
let asked: string[] = [];
const forwarder: Forwarder = {
  forward: async (query, _transport, servers) => {
    forwarded.push(decode(query).questions?.[0]?.name ?? "");
    asked = servers.map(({ address }) => address);
    return undefined;
  },
};
const respond = createResponder(index, { list: () => ["192.0.2.1"] } as never, forwarder);
const one = sandbox("1", "one", "10.0.0.1");
for (const named of [one, sandbox("2", "two", "10.0.0.2")]) index.put(named);
const asker: Asker = { named: one, netns: 0, underWay: 0 };

let id = 0;
/** The addresses that are answered, or the kind of answer. */
function ask(
  name: string,
  type: "A" | "AAAA" | "PTR" = "A",
  who = asker,
  transport: "udp" | "tcp" = "udp",
): string {
  const query = encode({ type: "query", id: ++id, flags: 256, questions: [{ type, name }] });
  const answer = respond(who, query, transport);
  assert.ok(Buffer.isBuffer(answer));
  const packet = decode(answer);
  assert.equal(packet.id, id, "each client has its own id back");
  assert.equal(packet.questions?.[0]?.name, name, "as it was written");
  return (packet.answers ?? []).map((record) => ("data" in record ? String(record.data) : "")).join();
}

it("the same question is answered the same, in turns, until a name changes", () => {
  assert.deepEqual([ask("two"), ask("two"), ask("TWO")], ["10.0.0.2", "10.0.0.2", "10.0.0.2"]);
  assert.equal(ask("two", "AAAA"), "");
  assert.deepEqual(
    [1, 2, 3, 4].map(() => ask("all")),
    ["10.0.0.1,10.0.0.2", "10.0.0.2,10.0.0.1", "10.0.0.1,10.0.0.2", "10.0.0.2,10.0.0.1"],
  );
  index.put(sandbox("2", "two", "10.0.0.9"));
  assert.equal(ask("two"), "10.0.0.9");
  assert.equal(ask("two", "A", asker, "tcp"), "10.0.0.9");
  index.remove("2");
  assert.equal(ask("all"), "10.0.0.1");
  assert.ok(
    respond(
      asker,
      encode({ type: "query", id: 1, questions: [{ type: "A", name: "two" }] }),
      "udp",
    ) instanceof Promise,
  );
  index.put(sandbox("2", "two", "10.0.0.2"));
  assert.equal(ask("two"), "10.0.0.2");
});

it("an answer is one asker's own, and what is asked elsewhere is asked each time", async () => {
  const stranger = sandbox("3", "three", "10.9.0.3");
  stranger.endpoints[0]!.networkId = "other";
  index.put(stranger);
  const other: Asker = { named: stranger, netns: 0, underWay: 0 };
  assert.equal(ask("one"), "10.0.0.1");
  assert.equal(ask("all", "A", other), "10.9.0.3");
  forwarded.length = 0;
  const query = encode({ type: "query", id: 5, questions: [{ type: "A", name: "far.example" }] });
  for (let time = 0; time < 3; time++) await respond(asker, query, "udp");
  assert.deepEqual(forwarded, ["far.example", "far.example", "far.example"]);
});

it("the resolver never asks itself, also where it is given as a container's name server", async () => {
  const query = encode({ type: "query", id: 6, questions: [{ type: "A", name: "far.example" }] });
  const asServers = async (...servers: string[]) => {
    await respond({ named: { ...one, servers }, netns: 0, underWay: 0 }, query, "udp");
    return asked;
  };
  assert.deepEqual(await asServers("127.0.0.11", "192.0.2.9"), ["192.0.2.9"]);
  assert.deepEqual(await asServers("127.0.0.11"), ["192.0.2.1"], "the machine's, as without any");
});

it("questions without end, and answers without end, take no more than they may", () => {
  for (let number = 0; number < 5000; number++) {
    const name = `o${"nN"[number & 1]}${"eE"[(number >> 1) & 1]}`;
    assert.equal(ask(name), "10.0.0.1");
    assert.equal(ask(`x${number}.one.net`.replace(/^x\d+\./, "")), "10.0.0.1");
  }
  for (let number = 0; number < 60; number++)
    index.put(sandbox(`m${number}`, `m${number}`, `10.1.0.${number + 1}`));
  const first = ask("all", "A", asker, "tcp").split(",");
  assert.ok(first.length > 60);
  assert.equal(new Set(first).size, first.length);
});
