import assert from "node:assert/strict";
import { encode, type RecordType } from "dns-packet";
import { createForwarder } from "../../src/resolver/forward.ts";
import { createMessageReader, frameMessage } from "../../src/resolver/frames.ts";
import { doesAnswer, headerBytes, idOf } from "../../src/resolver/message.ts";
import { createNameIndex } from "../../src/resolver/name-index.ts";
import { createResponder } from "../../src/resolver/respond.ts";
import type { NamedSandbox } from "../../src/supervisor-protocol/names.ts";
import type { Random } from "../random.ts";
import { mutateBytes } from "./mutate.ts";
import type { Target } from "./target.ts";

const asker: NamedSandbox = {
  ...{ id: "asker", servers: [], hasNdots: false, isIsolated: false },
  endpoints: [
    {
      network: "front",
      networkId: "1",
      names: ["web", "w.w"],
      addresses: ["10.0.0.2", "fd00::2"],
      links: [["db", "web"]],
    },
  ],
};
const names = [
  "web",
  "WEB.front",
  "w.w",
  "db",
  "x.example",
  "2.0.0.10.in-addr.arpa",
  "",
  "front",
  "a".repeat(63),
];
const types = ["A", "AAAA", "PTR", "TXT", "ANY", "AXFR", "OPT"];

function makeQuery(random: Random): Buffer {
  return encode({
    type: "query",
    id: random.between(0, 65535),
    flags: random.between(0, 65535) & 0x7fff,
    questions: Array.from({ length: random.pick([1, 1, 1, 0, 2]) }, () => ({
      name: random.pick(names),
      type: random.pick(types) as RecordType,
    })),
    additionals:
      random.next() < 0.3
        ? [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize: random.between(0, 65535),
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ]
        : [],
  });
}

/** What containers send to their resolver, and what name servers answer. */
export const dns: Target = {
  name: "dns",
  smallCount: 20_000,
  mostMilliseconds: 50,
  open() {
    const index = createNameIndex();
    index.put(asker);
    let response: Buffer | undefined;
    const forwarder = createForwarder(async (query) =>
      response && response.length >= headerBytes && doesAnswer(response, query) ? response : undefined,
    );
    const respond = createResponder(index, { list: () => ["192.0.2.1"] }, forwarder);
    return {
      async attempt(random) {
        const query = mutateBytes(random, makeQuery(random));
        response = random.next() < 0.5 ? mutateBytes(random, makeQuery(random)) : undefined;
        const answer = await respond(
          { named: asker, netns: -1, underWay: 0 },
          query,
          random.pick(["udp", "tcp"]),
        );
        if (answer) assert.equal(idOf(answer), idOf(query));
        const seen: Buffer[] = [];
        const read = createMessageReader((message) => void seen.push(message));
        const stream = mutateBytes(random, Buffer.concat([frameMessage(query), frameMessage(query)]));
        for (let at = 0; at < stream.length; at += 7) read(stream.subarray(at, at + 7));
        assert.ok(seen.length <= stream.length);
      },
    };
  },
};
