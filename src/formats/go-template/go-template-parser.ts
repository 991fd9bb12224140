import {
  expect,
  failTemplate,
  next,
  nextPastSpace,
  type Parser,
  peek,
  peekPastSpace,
  unexpected,
} from "./go-template-cursor.ts";
import { lexTemplate, type TokenKind } from "./go-template-lexer.ts";
import { parseNumber, parseQuoted } from "./go-template-literals.ts";
import {
  type Branch,
  formatOperand,
  type Operand,
  type Pipeline,
  type TemplateCommand,
  type TemplateNode,
} from "./go-template-nodes.ts";

/** @throws TemplateError with Go's text. `hasFunction` says which names may be called. */
export function parseTemplateNodes(
  source: string,
  hasFunction: (name: string) => boolean,
): { nodes: TemplateNode[]; definitions: Map<string, TemplateNode[]> } {
  const tokens = lexTemplate(source);
  const definitions = new Map<string, TemplateNode[]>();
  const parser: Parser = { source, tokens, at: 0, variables: ["$"], rangeDepth: 0, definitions, hasFunction };
  const nodes: TemplateNode[] = [];
  while (peek(parser).kind !== "eof") {
    if (skipDefinition(parser)) continue;
    const node = parseNode(parser);
    if (node === "end" || node === "else") return failTemplate(parser, `unexpected {{${node}}}`);
    nodes.push(node);
  }
  return { nodes, definitions };
}

/** `define` stands at the top only, and shows nothing. */
function skipDefinition(parser: Parser): boolean {
  const start = parser.at;
  if (next(parser).kind === "open" && nextPastSpace(parser).text === "define") {
    const name = parseName(parser, "define clause");
    expect(parser, "close", "define clause");
    define(parser, name);
    return true;
  }
  parser.at = start;
  return false;
}

/** A template of its own: it knows no variable but `$`. */
function define(parser: Parser, name: string): void {
  const { variables, rangeDepth } = parser;
  Object.assign(parser, { variables: ["$"], rangeDepth: 0 });
  const body = parseList(parser);
  if (body.closedBy === "else") failTemplate(parser, "unexpected {{else}} in define clause");
  Object.assign(parser, { variables, rangeDepth });
  parser.definitions.set(name, body.nodes);
}

function parseName(parser: Parser, context: string): string {
  const token = nextPastSpace(parser);
  if (token.kind === "string") return parseQuoted(parser, token.text);
  return token.kind === "rawString" ? token.text.slice(1, -1) : unexpected(parser, token, context);
}

function parseTemplateCall(parser: Parser, isBlock: boolean): TemplateNode {
  const context = isBlock ? "block clause" : "template clause";
  const { position } = peekPastSpace(parser);
  const name = parseName(parser, context);
  if (!isBlock && peekPastSpace(parser).kind === "close") {
    parser.at++;
    return { type: "template", position, name, pipeline: undefined };
  }
  const pipeline = parsePipeline(parser, context, "close");
  if (isBlock) define(parser, name);
  return { type: "template", position, name, pipeline };
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
      if (parser.rangeDepth === 0) return failTemplate(parser, `{{${head.text}}} outside {{range}}`);
      expect(parser, "close", head.text);
      return { type: head.text };
    case "template":
    case "block":
      return parseTemplateCall(parser, head.text === "block");
    default:
      return unexpected(parser, head, "command");
  }
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
      if (rest.closedBy === "else") return failTemplate(parser, "expected end; found {{else}}");
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
      return failTemplate(parser, "unexpected EOF");
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
  if (pipeline.commands.length === 0) return failTemplate(parser, `missing value for ${context}`);
  for (const [index, command] of pipeline.commands.entries()) {
    const first = command.operands[0]!;
    if (index > 0 && ["constant", "dot", "nil"].includes(first.type)) {
      return failTemplate(parser, `non executable command in pipeline stage ${index + 1}`);
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
      failTemplate(parser, `too many declarations in ${context}`);
    if (peekPastSpace(parser).kind !== "variable")
      failTemplate(parser, "range can only initialize variables");
  }
}

function parseCommand(parser: Parser): TemplateCommand {
  const command: TemplateCommand = { position: peekPastSpace(parser).position, operands: [] };
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
  if (command.operands.length === 0) failTemplate(parser, "empty command");
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
      return failTemplate(parser, `unexpected . after term ${JSON.stringify(formatOperand(term))}`);
    default:
      return { type: "chain", position, base: term, path };
  }
}

function parseTerm(parser: Parser): Operand | undefined {
  const token = nextPastSpace(parser);
  const { position, text } = token;
  switch (token.kind) {
    case "identifier":
      if (!parser.hasFunction(text)) return failTemplate(parser, `function "${text}" not defined`);
      return { type: "function", position, name: text };
    case "dot":
    case "nil":
      return { type: token.kind, position };
    case "variable":
      if (!parser.variables.includes(text)) return failTemplate(parser, `undefined variable "${text}"`);
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
