import assert from "node:assert/strict";
import { it } from "node:test";
import { encode } from "dns-packet";
import { createForwarder } from "../../src/resolver/forward.ts";
import { codeOf, responseCode } from "../../src/resolver/message.ts";
import { createNameIndex } from "../../src/resolver/name-index.ts";
import { type Asker, createResponder } from "../../src/resolver/respond.ts";

const query = encode({ type: "query", id: 7, questions: [{ type: "A", name: "far.example" }] });

const join = (id: string): Asker => ({
  named: { id, endpoints: [], servers: [], hasNdots: false, isIsolated: false },
  ...{ netns: 0, underWay: 0 },
});

/** Askers whose questions no server answers until `answer` is called. */
function createCrowd() {
  let underWay = 0;
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const respond = createResponder(
    createNameIndex(),
    { list: () => ["192.0.2.1"] },
    {
      async forward() {
        underWay++;
        await answered;
        underWay--;
        return undefined;
      },
    },
  );
  return {
    underWay: () => underWay,
    /** @returns whether it is asked elsewhere */
    ask(asker: Asker): boolean {
      const before = underWay;
      void respond(asker, query, "udp");
      return underWay > before;
    },
    refusal: async (asker: Asker) => codeOf((await respond(asker, query, "udp")) ?? Buffer.alloc(12)),
    async answer() {
      answer();
      while (underWay > 0) await new Promise(setImmediate);
    },
  };
}

it("one container has a thousand questions under way, and is refused beyond", async () => {
  const crowd = createCrowd();
  const asker = join("one");
  while (crowd.ask(asker));
  assert.equal(crowd.underWay(), 1024);
  assert.equal(await crowd.refusal(asker), responseCode.refused);
  await crowd.answer();
  assert.equal(asker.underWay, 0);
});

it("however many ask without end, one that asks now and then is served", async () => {
  const crowd = createCrowd();
  const greedy = Array.from({ length: 50 }, (_, number) => join(`greedy${number}`));
  for (let round = 0; round < 1100; round++) for (const asker of greedy) crowd.ask(asker);
  const modest = Array.from({ length: 50 }, (_, number) => join(`modest${number}`));
  for (const asker of modest)
    for (let question = 0; question < 10; question++) assert.ok(crowd.ask(asker), asker.named.id);
  assert.ok(greedy.every((asker) => !crowd.ask(asker)));
  assert.ok(crowd.underWay() <= 8192, `${crowd.underWay()} under way`);
  await crowd.answer();
  assert.ok([...greedy, ...modest].every(({ underWay }) => underWay === 0));
});

it("a few that ask much have what one may have, while the others ask nothing", async () => {
  const crowd = createCrowd();
  const askers = ["a", "b", "c", "d"].map(join);
  for (const asker of askers) while (crowd.ask(asker));
  assert.equal(crowd.underWay(), 4 * 1024);
  await crowd.answer();
});

it("each container has the machine's servers in an order of its own", async () => {
  const asked: string[] = [];
  const forwarder = createForwarder(async (_query, _transport, { address }) => {
    asked.push(address);
    return address === "192.0.2.1" ? undefined : encode({ type: "response", id: 7 });
  });
  const hostServers = { list: () => ["192.0.2.1", "192.0.2.2"] };
  const respond = createResponder(createNameIndex(), hostServers, forwarder);
  const [one, other] = [join("one"), join("other")];
  for (const asker of [one, other, one]) await respond(asker, query, "udp");
  assert.deepEqual(
    asked.map((address) => address.at(-1)),
    ["1", "2", "1", "2", "2"],
  );
});
