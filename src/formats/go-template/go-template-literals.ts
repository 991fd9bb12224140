import { failTemplate, type Parser } from "./go-template-cursor.ts";

export function parseNumber(parser: Parser, text: string): number {
  const digits = text.replaceAll("_", "").replace(/^\+/, "");
  const isNegative = digits.startsWith("-");
  const magnitude = Number(isNegative ? digits.slice(1) : digits);
  if (Number.isNaN(magnitude)) return failTemplate(parser, `illegal number syntax: ${JSON.stringify(text)}`);
  return isNegative ? -magnitude : magnitude;
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

export function parseQuoted(parser: Parser, text: string): string {
  return text
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu,
      (whole, x?: string, u?: string, long?: string, octal?: string, letter?: string) => {
        const hex = x ?? u ?? long;
        const code = Number.parseInt(hex ?? "0", 16);
        if (code > 0x10ffff) return failTemplate(parser, `invalid syntax: ${whole}`);
        if (hex !== undefined) return String.fromCodePoint(code);
        if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
        if (letter === "\\" || letter === '"' || letter === "'") return letter;
        return escapes[letter ?? ""] ?? failTemplate(parser, `invalid syntax: ${whole}`);
      },
    );
}
