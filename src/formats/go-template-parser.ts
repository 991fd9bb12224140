import { lexTemplate, type Token, type TokenKind } from "./go-template-lexer.ts";
import {
  type Branch,
  type Command,
  formatOperand,
  type Operand,
  type Pipeline,
  TemplateError,
  type TemplateNode,
} from "./go-template-nodes.ts";

interface Parser {
  source: string;
  tokens: Token[];
  at: number;
  variables: string[];
  rangeDepth: number;
  hasFunction(name: string): boolean;
}

/** @throws TemplateError with Go's text. `hasFunction` says which names may be called. */
export function parseTemplateNodes(source: string, hasFunction: (name: string) => boolean): TemplateNode[] {
  const tokens = lexTemplate(source);
  const parser: Parser = { source, tokens, at: 0, variables: ["$"], rangeDepth: 0, hasFunction };
  const nodes: TemplateNode[] = [];
  while (peek(parser).kind !== "eof") {
    const node = parseNode(parser);
    if (node === "end" || node === "else") return fail(parser, `unexpected {{${node}}}`);
    nodes.push(node);
  }
  return nodes;
}

const endOfTokens: Token = { kind: "eof", position: 0, text: "" };
const peek = (parser: Parser): Token => parser.tokens[parser.at] ?? endOfTokens;
const next = (parser: Parser): Token => parser.tokens[parser.at++] ?? endOfTokens;

function peekPastSpace(parser: Parser): Token {
  while (peek(parser).kind === "space") parser.at++;
  return peek(parser);
}

function nextPastSpace(parser: Parser): Token {
  peekPastSpace(parser);
  return next(parser);
}

function fail(parser: Parser, message: string): never {
  const position = (parser.tokens[Math.max(0, parser.at - 1)] ?? endOfTokens).position;
  const line = parser.source.slice(0, position).split("\n").length;
  throw new TemplateError(`template: :${line}: ${message}`);
}

function unexpected(parser: Parser, token: Token, context: string): never {
  if (token.kind === "error") return fail(parser, token.text);
  const quoted = JSON.stringify(token.text.slice(0, 10));
  const shown =
    token.kind === "eof"
      ? "EOF"
      : token.kind === "keyword"
        ? `<${token.text}>`
        : token.text.length > 10
          ? `${quoted}...`
          : quoted;
  return fail(parser, `unexpected ${shown} in ${context}`);
}

function parseNode(parser: Parser): TemplateNode | "end" | "else" {
  const token = next(parser);
  if (token.kind === "text") return { type: "text", text: token.text };
  if (token.kind !== "open") return unexpected(parser, token, "input");
  const head = peekPastSpace(parser);
  if (head.kind !== "keyword") return { type: "action", pipeline: parsePipeline(parser, "command", "close") };
  parser.at++;
  switch (head.text) {
    case "if":
    case "with":
    case "range":
      return parseBranch(parser, head.text, head.position);
    case "end":
      expect(parser, "close", "end");
      return "end";
    case "else":
      if (!["if", "with"].includes(peekPastSpace(parser).text)) expect(parser, "close", "else");
      return "else";
    case "break":
    case "continue":
      if (parser.rangeDepth === 0) return fail(parser, `{{${head.text}}} outside {{range}}`);
      expect(parser, "close", head.text);
      return { type: head.text };
    default:
      return fail(parser, `{{${head.text}}} is not supported here`);
  }
}

function expect(parser: Parser, kind: TokenKind, context: string): Token {
  const token = nextPastSpace(parser);
  return token.kind === kind ? token : unexpected(parser, token, context);
}

function parseBranch(parser: Parser, type: Branch["type"], position: number): Branch {
  const scope = parser.variables.length;
  const pipeline = parsePipeline(parser, type, "close");
  if (type === "range") parser.rangeDepth++;
  const body = parseList(parser);
  if (type === "range") parser.rangeDepth--;
  let otherwise: TemplateNode[] = [];
  if (body.closedBy === "else") {
    const chained = peekPastSpace(parser);
    if (chained.kind === "keyword" && chained.text === type && type !== "range") {
      // `else if` is an if inside the else, and shares its end.
      parser.at++;
      otherwise = [parseBranch(parser, type, chained.position)];
    } else {
      if (chained.kind === "keyword") return unexpected(parser, nextPastSpace(parser), "else");
      const rest = parseList(parser);
      if (rest.closedBy === "else") return fail(parser, "expected end; found {{else}}");
      otherwise = rest.nodes;
    }
  }
  parser.variables.length = scope;
  return { type, position, pipeline, body: body.nodes, otherwise };
}

function parseList(parser: Parser): { nodes: TemplateNode[]; closedBy: "end" | "else" } {
  const nodes: TemplateNode[] = [];
  for (;;) {
    if (peek(parser).kind === "eof") {
      parser.at++;
      return fail(parser, "unexpected EOF");
    }
    const node = parseNode(parser);
    if (node === "end" || node === "else") return { nodes, closedBy: node };
    nodes.push(node);
  }
}

function parsePipeline(parser: Parser, context: string, end: TokenKind): Pipeline {
  const pipeline: Pipeline = {
    position: peekPastSpace(parser).position,
    variables: [],
    isAssignment: false,
    commands: [],
  };
  parseDeclarations(parser, pipeline, context);
  for (;;) {
    const token = nextPastSpace(parser);
    if (token.kind === end) break;
    if (!operandKinds.has(token.kind)) return unexpected(parser, token, context);
    parser.at--;
    pipeline.commands.push(parseCommand(parser));
  }
  if (pipeline.commands.length === 0) return fail(parser, `missing value for ${context}`);
  for (const [index, command] of pipeline.commands.entries()) {
    const first = command.operands[0]!;
    if (index > 0 && ["constant", "dot", "nil"].includes(first.type)) {
      return fail(parser, `non executable command in pipeline stage ${index + 1}`);
    }
  }
  return pipeline;
}

const operandKinds = new Set<TokenKind>([
  "bool",
  "char",
  "dot",
  "field",
  "identifier",
  "number",
  "nil",
  "rawString",
  "string",
  "variable",
  "leftParen",
]);

function parseDeclarations(parser: Parser, pipeline: Pipeline, context: string) {
  for (;;) {
    const start = parser.at;
    const variable = peekPastSpace(parser);
    if (variable.kind !== "variable") return;
    parser.at++;
    const sign = peekPastSpace(parser);
    const isComma = sign.kind === "punctuation" && sign.text === ",";
    if (sign.kind !== "assign" && sign.kind !== "declare" && !isComma) {
      parser.at = start;
      return;
    }
    parser.at++;
    pipeline.variables.push(variable.text);
    parser.variables.push(variable.text);
    if (!isComma) {
      pipeline.isAssignment = sign.kind === "assign";
      return;
    }
    if (context !== "range" || pipeline.variables.length >= 2)
      fail(parser, `too many declarations in ${context}`);
    if (peekPastSpace(parser).kind !== "variable") fail(parser, "range can only initialize variables");
  }
}

function parseCommand(parser: Parser): Command {
  const command: Command = { position: peekPastSpace(parser).position, operands: [] };
  for (;;) {
    peekPastSpace(parser);
    const operand = parseOperand(parser);
    if (operand !== undefined) command.operands.push(operand);
    const token = next(parser);
    if (token.kind === "space") continue;
    if (token.kind === "close" || token.kind === "rightParen") parser.at--;
    else if (token.kind !== "pipe") unexpected(parser, token, "operand");
    break;
  }
  if (command.operands.length === 0) fail(parser, "empty command");
  return command;
}

function parseOperand(parser: Parser): Operand | undefined {
  const term = parseTerm(parser);
  if (term === undefined || peek(parser).kind !== "field") return term;
  const position = peek(parser).position;
  const path: string[] = [];
  while (peek(parser).kind === "field") path.push(next(parser).text.slice(1));
  switch (term.type) {
    case "field":
    case "variable":
      return { ...term, position, path: [...term.path, ...path] };
    case "constant":
    case "nil":
    case "dot":
      return fail(parser, `unexpected . after term ${JSON.stringify(formatOperand(term))}`);
    default:
      return { type: "chain", position, base: term, path };
  }
}

function parseTerm(parser: Parser): Operand | undefined {
  const token = nextPastSpace(parser);
  const { position, text } = token;
  switch (token.kind) {
    case "identifier":
      if (!parser.hasFunction(text)) return fail(parser, `function "${text}" not defined`);
      return { type: "function", position, name: text };
    case "dot":
    case "nil":
      return { type: token.kind, position };
    case "variable":
      if (!parser.variables.includes(text)) return fail(parser, `undefined variable "${text}"`);
      return { type: "variable", position, name: text, path: [] };
    case "field":
      return { type: "field", position, path: [text.slice(1)] };
    case "bool":
      return { type: "constant", position, text, value: text === "true" };
    case "number":
      return { type: "constant", position, text, value: parseNumber(parser, text) };
    case "char":
      return { type: "constant", position, text, value: parseQuoted(parser, text).codePointAt(0) ?? 0 };
    case "string":
      return { type: "constant", position, text, value: parseQuoted(parser, text) };
    case "rawString":
      return { type: "constant", position, text, value: text.slice(1, -1) };
    case "leftParen":
      return {
        type: "pipeline",
        position,
        pipeline: parsePipeline(parser, "parenthesized pipeline", "rightParen"),
      };
    default:
      parser.at--;
      return undefined;
  }
}

function parseNumber(parser: Parser, text: string): number {
  const digits = text.replaceAll("_", "").replace(/^\+/, "");
  const isNegative = digits.startsWith("-");
  const magnitude = Number(isNegative ? digits.slice(1) : digits);
  if (Number.isNaN(magnitude)) return fail(parser, `illegal number syntax: ${JSON.stringify(text)}`);
  return isNegative ? -magnitude : magnitude;
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

function parseQuoted(parser: Parser, text: string): string {
  return text
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu,
      (whole, x?: string, u?: string, long?: string, octal?: string, letter?: string) => {
        const hex = x ?? u ?? long;
        if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
        if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
        if (letter === "\\" || letter === '"' || letter === "'") return letter;
        return escapes[letter ?? ""] ?? fail(parser, `invalid syntax: ${whole}`);
      },
    );
}
