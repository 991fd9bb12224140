export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "space"
  | "field"
  | "dot"
  | "variable"
  | "identifier"
  | "keyword"
  | "bool"
  | "nil"
  | "number"
  | "char"
  | "string"
  | "rawString"
  | "assign"
  | "declare"
  | "pipe"
  | "leftParen"
  | "rightParen"
  | "punctuation"
  | "eof"
  | "error";

export interface Token {
  kind: TokenKind;
  /** Offset in the template, in UTF-16 units. */
  position: number;
  text: string;
}

const keywords = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "range",
  "template",
  "with",
]);
const space = /[ \t\r\n]/;
const word = /[\p{L}\p{Nd}_]/u;
const terminators = " \t\r\n.,|:)(";

/**
 * Splits a template as Go's text/template does, trim markers and comments already applied.
 * A lexical error is the last token (kind "error", text the message).
 */
export function lexTemplate(source: string): Token[] {
  const tokens: Token[] = [];
  const push = (kind: TokenKind, position: number, text: string) => tokens.push({ kind, position, text });
  let at = 0;
  let trimNext = false;
  while (at < source.length) {
    const open = source.indexOf("{{", at);
    const textEnd = open === -1 ? source.length : open;
    const trimsLeft = open !== -1 && source[open + 2] === "-" && space.test(source[open + 3] ?? "");
    let text = source.slice(at, textEnd);
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, "");
    if (trimsLeft) text = text.replace(/[ \t\r\n]+$/, "");
    trimNext = false;
    if (text !== "") push("text", at, text);
    if (open === -1) break;

    const inside = open + (trimsLeft ? 4 : 2);
    if (source.startsWith("/*", inside)) {
      const end = source.indexOf("*/", inside + 2);
      if (end === -1) return [...tokens, { kind: "error", position: open, text: "unclosed comment" }];
      const close = matchClose(source, end + 2);
      if (close === undefined)
        return [...tokens, { kind: "error", position: open, text: "comment ends before closing delimiter" }];
      trimNext = close.trims;
      at = close.end;
      continue;
    }
    push("open", open, "{{");
    const action = lexAction(source, inside, tokens);
    if (action === undefined) return tokens;
    trimNext = action.trims;
    at = action.end;
  }
  push("eof", source.length, "");
  return tokens;
}

function matchClose(source: string, at: number): { end: number; trims: boolean } | undefined {
  if (source.startsWith("}}", at)) return { end: at + 2, trims: false };
  if (space.test(source[at] ?? "") && source.startsWith("-}}", at + 1)) return { end: at + 4, trims: true };
  return undefined;
}

/** Lexes up to and with the closing delimiter; undefined when it ended with an error token. */
function lexAction(source: string, start: number, tokens: Token[]) {
  let at = start;
  let depth = 0;
  const fail = (text: string) => {
    tokens.push({ kind: "error", position: at, text });
    return undefined;
  };
  for (;;) {
    const close = matchClose(source, at);
    if (close !== undefined) {
      if (depth > 0) return fail("unclosed left paren");
      tokens.push({ kind: "close", position: at, text: "}}" });
      return close;
    }
    if (at >= source.length) return fail("unclosed action");
    const token = lexToken(source, at);
    if (token.kind === "error") {
      tokens.push(token);
      return undefined;
    }
    if (token.kind === "leftParen") depth++;
    if (token.kind === "rightParen" && --depth < 0) return fail("unexpected right paren");
    tokens.push(token);
    at += token.text.length;
  }
}

function lexToken(source: string, at: number): Token {
  const first = source[at] ?? "";
  const token = (kind: TokenKind, end: number): Token => ({
    kind,
    position: at,
    text: source.slice(at, end),
  });
  const error = (text: string): Token => ({ kind: "error", position: at, text });

  if (space.test(first)) {
    let end = at + 1;
    while (space.test(source[end] ?? "") && matchClose(source, end) === undefined) end++;
    return token("space", end);
  }
  if (first === "=") return token("assign", at + 1);
  if (first === ":") return source[at + 1] === "=" ? token("declare", at + 2) : error("expected :=");
  if (first === "|") return token("pipe", at + 1);
  if (first === "(") return token("leftParen", at + 1);
  if (first === ")") return token("rightParen", at + 1);
  if (first === '"') return lexQuoted(source, at, '"', "string", "unterminated quoted string");
  if (first === "'") return lexQuoted(source, at, "'", "char", "unterminated character constant");
  if (first === "`") {
    const end = source.indexOf("`", at + 1);
    return end === -1 ? error("unterminated raw quoted string") : token("rawString", end + 1);
  }
  const isNumber = /[0-9]/.test(first) || (/[+\-.]/.test(first) && /[0-9]/.test(source[at + 1] ?? ""));
  if (isNumber) return lexNumber(source, at);
  if (first === "." || first === "$" || word.test(first)) return lexWord(source, at);
  if (/[\x21-\x7e]/.test(first)) return token("punctuation", at + 1);
  return error(`unrecognized character in action: ${formatRune(source.codePointAt(at) ?? 0)}`);
}

function lexQuoted(source: string, at: number, quote: string, kind: TokenKind, failure: string): Token {
  let end = at + 1;
  while (end < source.length && source[end] !== quote && source[end] !== "\n")
    end += source[end] === "\\" ? 2 : 1;
  if (source[end] !== quote) return { kind: "error", position: at, text: failure };
  return { kind, position: at, text: source.slice(at, end + 1) };
}

function lexNumber(source: string, at: number): Token {
  const text =
    /^[+-]?(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9_]*\.?[0-9_]*([eE][+-]?[0-9_]+)?)/.exec(
      source.slice(at),
    )?.[0] ?? "";
  const next = source[at + text.length] ?? "";
  if (word.test(next))
    return { kind: "error", position: at, text: `bad number syntax: ${JSON.stringify(text + next)}` };
  return { kind: "number", position: at, text };
}

function lexWord(source: string, at: number): Token {
  const first = source[at];
  let end = at + 1;
  while (word.test(source[end] ?? "")) end++;
  const text = source.slice(at, end);
  const next = source[end] ?? "";
  if (next !== "" && !terminators.includes(next) && !source.startsWith("}}", end)) {
    return {
      kind: "error",
      position: end,
      text: `bad character ${formatRune(source.codePointAt(end) ?? 0)}`,
    };
  }
  const kind = (): TokenKind => {
    if (text === ".") return "dot";
    if (first === ".") return "field";
    if (first === "$") return "variable";
    if (keywords.has(text)) return "keyword";
    if (text === "true" || text === "false") return "bool";
    return text === "nil" ? "nil" : "identifier";
  };
  return { kind: kind(), position: at, text };
}

/** As Go's %#U: `U+0040 '@'`. */
function formatRune(rune: number): string {
  return `U+${rune.toString(16).toUpperCase().padStart(4, "0")} '${String.fromCodePoint(rune)}'`;
}
