import { invalid, messageOf } from "../errors.ts";

/*
 * What a document from a stranger may cost, in steps of some nanoseconds. An object with keys of its own takes the parser a
 * microsecond, a number in a list next to nothing. It is enough for an index of 700 manifests or a list of 70,000 tags.
 */
const most = { cost: 2_200_000, depth: 200, escapedQuotes: 200_000 };
const costs: Record<string, number> = { "{": 200, "[": 200, ":": 200, ",": 10, '"': 10 };
const costOf = Uint8Array.from({ length: 128 }, (_, code) => costs[String.fromCharCode(code)] ?? 1);
const [quote, backslash, open, close] = [0x22, 0x5c, [0x7b, 0x5b], [0x7d, 0x5d]] as const;

/**
 * Reads a JSON object from a stranger. One of megabytes that would hold up this thread for long is refused before it is parsed.
 * @param patience how many times as long it may take
 * @throws invalid, naming `what`, when the text is not a JSON object
 */
export function parseJson(text: string, what: string, patience = 1): Record<string, unknown> {
  const wrong = (why: string, cause?: unknown) => invalid(`invalid ${what}: ${why}`, cause);
  if (!isCheapJson(text, patience)) throw wrong("too many values, or nested too deep");
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (error) {
    throw wrong(messageOf(error), error);
  }
  throw wrong("not a JSON object");
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether it takes no more than some milliseconds to parse. Reads what is between the strings, and jumps over those. */
export function isCheapJson(text: string, patience = 1): boolean {
  let cost = 0;
  let depth = 0;
  let escapedQuotes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    cost += costOf[code] ?? 1;
    if (code === quote) {
      at = text.indexOf('"', at + 1);
      for (; at >= 0 && isEscaped(text, at); at = text.indexOf('"', at + 1)) escapedQuotes++;
      // It has no end, which the parser will say.
      if (at < 0) return true;
    } else if (code === open[0] || code === open[1]) depth++;
    else if (code === close[0] || code === close[1]) depth--;
    if (cost > most.cost * patience || depth > most.depth || escapedQuotes > most.escapedQuotes) return false;
  }
  return true;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === backslash) first--;
  return (at - first) % 2 === 1;
}
