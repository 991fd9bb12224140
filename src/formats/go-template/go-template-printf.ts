import { formatExponent, formatNumber, formatParts, formatType, formatValue } from "./go-template-values.ts";

interface Directive {
  flags: string;
  width: number | undefined;
  precision: number | undefined;
  verb: string;
}

/** Go's fmt.Sprintf for the values of templates, with its texts for wrong and missing arguments. */
export function formatPrintf(format: string, values: readonly unknown[]): string {
  let used = 0;
  let reordered = false;
  const text = format.replace(
    /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+)?)?(?:\[(\d+)\])?(.|$)/gsu,
    (
      whole,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      index: string | undefined,
      verb: string,
    ) => {
      if (verb === "%") return "%";
      if (verb === "") return "%!(NOVERB)";
      const star = () => Number(values[used++]);
      const hasPrecision = whole.includes(".");
      const directive: Directive = {
        flags,
        width: width === "*" ? star() : width === undefined ? undefined : Number(width),
        precision: !hasPrecision ? undefined : precision === "*" ? star() : Number(precision ?? 0),
        verb,
      };
      if (index !== undefined) {
        used = Number(index) - 1;
        reordered = true;
      }
      if (used >= values.length) return `%!${verb}(${index === undefined ? "MISSING" : "BADINDEX"})`;
      return formatDirective(directive, values[used++]);
    },
  );
  if (reordered || used >= values.length) return text;
  const extra = values.slice(used).map((value) => `${formatType(value)}=${formatValue(value)}`);
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

function formatDirective(directive: Directive, value: unknown): string {
  const { verb, precision } = directive;
  if (typeof value === "bigint" && verb !== "T")
    return "vd".includes(verb)
      ? padNumber(directive, String(value))
      : formatDirective(directive, Number(value));
  // What a directive says, its width as well, is for each part of what has parts.
  const inParts = verb === "T" ? undefined : formatParts(value, (part) => formatPart(directive, part));
  if (inParts !== undefined) return inParts;
  const isNil = value === undefined || value === null;
  const shown = () => `${formatType(value)}=${formatDirective({ ...directive, verb: "v" }, value)}`;
  const wrong = () => `%!${verb}(${isNil ? "<nil>" : shown()})`;
  switch (verb) {
    case "v":
      return typeof value === "number"
        ? padNumber(directive, formatNumber(value))
        : pad(directive, truncate(formatValue(value), typeof value === "string" ? precision : undefined));
    case "T":
      return pad(directive, formatType(value));
    case "t":
      return typeof value === "boolean" ? pad(directive, String(value)) : wrong();
    case "s":
      return typeof value === "string" ? pad(directive, truncate(value, precision)) : wrong();
    case "q":
      return formatQuoted(directive, value) ?? wrong();
    case "x":
    case "X":
      return formatHex(directive, value) ?? wrong();
    default:
      return typeof value === "number" ? (formatNumeric(directive, value) ?? wrong()) : wrong();
  }
}

/** There is no wrong verb for nil in a list or a map. */
const formatPart = (directive: Directive, part: unknown) =>
  part === undefined || part === null ? "<nil>" : formatDirective(directive, part);

function formatNumeric(directive: Directive, value: number): string | undefined {
  const { verb, precision } = directive;
  const isInteger = Number.isInteger(value);
  switch (verb) {
    case "d":
      return isInteger ? padNumber(directive, formatNumber(value)) : undefined;
    case "b":
      return isInteger ? padNumber(directive, value.toString(2)) : undefined;
    case "o":
    case "O":
      return isInteger ? padNumber(directive, (verb === "O" ? "0o" : "") + value.toString(8)) : undefined;
    case "c":
      return isInteger ? pad(directive, String.fromCodePoint(value)) : undefined;
    case "U":
      return isInteger ? pad(directive, `U+${value.toString(16).toUpperCase().padStart(4, "0")}`) : undefined;
    case "f":
    case "F":
      return padNumber(directive, value.toFixed(precision ?? 6));
    case "e":
    case "E": {
      const text = formatExponent(value, precision ?? 6);
      return padNumber(directive, verb === "E" ? text.toUpperCase() : text);
    }
    case "g":
    case "G":
      return padNumber(
        directive,
        formatNumber(precision === undefined ? value : Number(value.toPrecision(precision || 1))),
      );
    default:
      return undefined;
  }
}

function formatQuoted(directive: Directive, value: unknown): string | undefined {
  if (typeof value === "string") return pad(directive, quoteGo(truncate(value, directive.precision)));
  if (typeof value === "number") {
    return Number.isInteger(value) ? pad(directive, `'${String.fromCodePoint(value)}'`) : undefined;
  }
  return undefined;
}

function formatHex(directive: Directive, value: unknown): string | undefined {
  const isUpper = directive.verb === "X";
  const cased = (text: string) => (isUpper ? text.toUpperCase() : text);
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return undefined;
    const prefix = directive.flags.includes("#") ? "0x" : "";
    const digits = value < 0 ? `-${prefix}${(-value).toString(16)}` : prefix + value.toString(16);
    return padNumber(directive, cased(digits));
  }
  return typeof value === "string" ? pad(directive, cased(Buffer.from(value).toString("hex"))) : undefined;
}

function truncate(text: string, precision: number | undefined): string {
  return precision === undefined ? text : [...text].slice(0, precision).join("");
}

function pad(directive: Directive, text: string): string {
  const missing = Math.max(0, (directive.width ?? 0) - [...text].length);
  if (directive.flags.includes("-")) return text + " ".repeat(missing);
  return (directive.flags.includes("0") ? "0" : " ").repeat(missing) + text;
}

function padNumber(directive: Directive, digits: string): string {
  const { flags, width = 0 } = directive;
  const sign = digits.startsWith("-") ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const body = digits.replace(/^-/, "");
  if (flags.includes("0") && !flags.includes("-")) return sign + body.padStart(width - sign.length, "0");
  return pad({ ...directive, flags: flags.replace("0", "") }, sign + body);
}

const named: Record<string, string> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** ASCII of which nothing is escaped. */
const plain = /^[ !#-[\]-~]*$/;

/** As Go's strconv.Quote: letters, marks, numbers, punctuation, symbols and blanks stay. */
export function quoteGo(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  const escaped = text.toWellFormed().replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) => {
    const code = character.codePointAt(0)!;
    const digits = code.toString(16);
    const short = code < 0x80 ? `\\x${digits.padStart(2, "0")}` : `\\u${digits.padStart(4, "0")}`;
    return named[character] ?? (code > 0xffff ? `\\U${digits.padStart(8, "0")}` : short);
  });
  return `"${escaped}"`;
}
