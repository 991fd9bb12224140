import assert from "node:assert/strict";
import { it } from "node:test";
import { decode, encode, RECURSION_DESIRED } from "dns-packet";
import {
  doesAnswer,
  encodeAnswer,
  encodeFailure,
  fitAnswer,
  parseQuery,
  responseCode,
} from "../../src/resolver/message.ts";

function ask(name: string, options: { type?: string; size?: number; id?: number } = {}): Buffer {
  const { type = "A", size, id = 7 } = options;
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type: type as "A" }],
    additionals:
      size === undefined
        ? []
        : [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize: size,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });
}
function parse(bytes: Buffer) {
  const query = parseQuery(bytes);
  assert.ok(typeof query === "object");
  return query;
}
const many = Array.from({ length: 100 }, (_, number) => `10.0.0.${number}`);

it("an answer repeats the question as it was written, and gives the addresses in turns", () => {
  const query = parse(ask("WeB"));
  const addresses = ["10.0.0.1", "10.0.0.2"];
  const answers = [0, 1, 2].map((turn) =>
    decode(encodeAnswer(query, { kind: "addresses", family: 4, addresses }, turn)),
  );
  assert.equal(answers[0]?.questions?.[0]?.name, "WeB");
  assert.equal(answers[0]?.id, 7);
  const first = answers.map(({ answers: list = [] }) => (list[0] as { data: string }).data);
  assert.deepEqual(first, ["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
  const { flag_qr, flag_ra, flag_rd, flag_aa } = answers[0] as never as Record<string, boolean>;
  assert.deepEqual([flag_qr, flag_ra, flag_rd, flag_aa], [true, true, true, false]);
});
it("an answer that is too large for UDP says so, and no more; EDNS makes room", () => {
  const small = parse(ask("web"));
  const large = parse(ask("web", { size: 4096 }));
  const cut = fitAnswer(small, encodeAnswer(small, { kind: "addresses", family: 4, addresses: many }, 0));
  assert.ok(cut.length <= 512);
  assert.equal((decode(cut) as never as { flag_tc: boolean }).flag_tc, true);
  const whole = fitAnswer(large, encodeAnswer(large, { kind: "addresses", family: 4, addresses: many }, 0));
  assert.equal(decode(whole).answers?.length, 100);
  assert.equal(decode(whole).additionals?.[0]?.type, "OPT");
  assert.equal(parse(ask("web", { size: 60000 })).largestBytes, 4096);
  assert.equal(parse(ask("web", { size: 10 })).largestBytes, 512);
});
it("what is no query is dropped, or refused with a code", () => {
  const answer = ask("web");
  answer.writeUInt8(0x80, 2);
  assert.equal(parseQuery(answer), undefined);
  assert.equal(parseQuery(Buffer.alloc(11)), undefined);
  const status = ask("web");
  status.writeUInt8(2 << 3, 2);
  assert.equal(parseQuery(status), responseCode.notImplemented);
  assert.equal(parseQuery(Buffer.alloc(12)), responseCode.formatError);
  assert.equal(parseQuery(ask("web").subarray(0, 15)), responseCode.formatError);
  assert.equal(parseQuery(ask("web", { type: "AXFR" })), responseCode.refused);
  const two = encode({
    type: "query",
    id: 1,
    questions: [
      { name: "a", type: "A" },
      { name: "b", type: "A" },
    ],
  });
  assert.equal(parseQuery(two), responseCode.formatError);
  for (const bytes of [status, Buffer.alloc(12), ask("web").subarray(0, 15), two]) {
    const failure = decode(encodeFailure(bytes, responseCode.formatError));
    assert.equal((failure as never as { rcode: string }).rcode, "FORMERR");
  }
});
it("a name that points to itself or far ahead is refused", () => {
  const head = Buffer.from("000101000001000000000000", "hex");
  for (const name of ["c00c", "c00e", "c0ff", "ffff", "3f61"])
    assert.equal(
      parseQuery(Buffer.concat([head, Buffer.from(`${name}00010001`, "hex")])),
      responseCode.formatError,
      name,
    );
});
it("only a response with the same id and question answers a query", () => {
  const query = ask("web");
  const answer = (changes: object) =>
    encode({ type: "response", id: 7, flags: 0, questions: [{ name: "WEB", type: "A" }], ...changes });
  assert.equal(doesAnswer(answer({}), query), true);
  assert.equal(doesAnswer(answer({ id: 8 }), query), false);
  assert.equal(doesAnswer(answer({ questions: [{ name: "other", type: "A" }] }), query), false);
  assert.equal(doesAnswer(answer({ questions: [{ name: "web", type: "AAAA" }] }), query), false);
  assert.equal(doesAnswer(answer({ questions: [], flags: responseCode.serverFailure }), query), true);
  assert.equal(doesAnswer(answer({ questions: [] }), query), false);
  assert.equal(doesAnswer(query, query), false);
  assert.equal(doesAnswer(Buffer.alloc(3), query), false);
});
