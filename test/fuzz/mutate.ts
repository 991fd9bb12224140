import type { Random } from "../random.ts";

const words = [
  "",
  "a",
  "80/tcp",
  "linux",
  "amd64",
  "../../etc",
  "__proto__",
  "constructor",
  "toString",
  "\0",
  "\ud800",
  "ä",
  "x".repeat(300),
];
const numbers = [0, 1, -1, 0.5, 1e308, 2 ** 31, 2 ** 53, -(2 ** 53)];

/** Any JSON value, of few levels. */
export function randomValue(random: Random, depth = 3): unknown {
  const least = depth > 0 ? 0 : 2;
  switch (random.between(least, 6)) {
    case 0:
      return Array.from({ length: random.between(0, 4) }, () => randomValue(random, depth - 1));
    case 1: {
      const pairs = Array.from({ length: random.between(0, 4) }, () => {
        return [random.pick(words), randomValue(random, depth - 1)];
      });
      return Object.fromEntries(pairs);
    }
    case 2:
      return random.pick(words);
    case 3:
      return random.pick(numbers);
    case 4:
      return null;
    default:
      return random.next() < 0.5;
  }
}

/** The text of a document of which a few places hold something else, are gone or are there twice. */
export function mutateJson(random: Random, document: unknown): string {
  let value = structuredClone(document);
  for (let change = random.between(1, 4); change > 0; change--) value = replaceSomewhere(random, value);
  const text = JSON.stringify(value);
  return random.next() < 0.2 ? mutateText(random, text) : text;
}

function replaceSomewhere(random: Random, value: unknown): unknown {
  const isLeaf = typeof value !== "object" || value === null || Object.keys(value).length === 0;
  if (isLeaf || random.next() < 0.1) return randomValue(random);
  const container = value as Record<string, unknown>;
  const key = random.pick(Object.keys(container));
  const kind = random.next();
  if (kind < 0.1 && !Array.isArray(value)) delete container[key];
  else if (kind < 0.2 && !Array.isArray(value)) container[random.pick(words)] = randomValue(random);
  else if (kind < 0.3 && Array.isArray(value)) value.push(structuredClone(value[Number(key)]));
  else container[key] = replaceSomewhere(random, container[key]);
  return value;
}

export function mutateText(random: Random, text: string): string {
  const at = random.between(0, text.length);
  switch (random.between(0, 3)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return (
        text.slice(0, at) + random.pick(['"', "{", "[", "\\", "\0", "}", "]", ",", "1e999"]) + text.slice(at)
      );
    case 2:
      return text.slice(0, at) + text.slice(at + random.between(1, 9));
    default:
      return text.slice(0, at) + text.slice(random.between(0, at));
  }
}

/** The bytes with a few of them changed, inserted, taken out or cut off; now and then as they are. */
export function mutateBytes(random: Random, bytes: Buffer): Buffer {
  let mutated = Buffer.from(bytes);
  for (let change = random.between(0, 4); change > 0; change--) {
    const at = random.between(0, mutated.length);
    const [before, after] = [mutated.subarray(0, at), mutated.subarray(at)];
    const byte = Buffer.of(random.pick([0, 1, 0x3f, 0x80, 0xc0, 0xff, random.between(0, 255)]));
    const forms = [
      () => Buffer.concat([before, byte, after]),
      () => Buffer.concat([before, byte, after.subarray(1)]),
      () => Buffer.concat([before, after.subarray(random.between(1, 9))]),
      () => before,
    ];
    mutated = Buffer.from(random.pick(forms)());
  }
  return mutated;
}
