import type { Token, TokenKind } from "./go-template-lexer.ts";
import { TemplateError, type TemplateNode } from "./go-template-nodes.ts";

/** Where the parser of a template stands in its tokens. */
export interface Parser {
  source: string;
  tokens: Token[];
  at: number;
  variables: string[];
  rangeDepth: number;
  /** By name: what `define` and `block` have made. */
  definitions: Map<string, TemplateNode[]>;
  hasFunction(name: string): boolean;
}

const endOfTokens: Token = { kind: "eof", position: 0, text: "" };
export const peek = (parser: Parser): Token => parser.tokens[parser.at] ?? endOfTokens;
export const next = (parser: Parser): Token => parser.tokens[parser.at++] ?? endOfTokens;

export function peekPastSpace(parser: Parser): Token {
  while (peek(parser).kind === "space") parser.at++;
  return peek(parser);
}

export function nextPastSpace(parser: Parser): Token {
  peekPastSpace(parser);
  return next(parser);
}

export function failTemplate(parser: Parser, message: string): never {
  const position = (parser.tokens[Math.max(0, parser.at - 1)] ?? endOfTokens).position;
  const line = parser.source.slice(0, position).split("\n").length;
  throw new TemplateError(`template: :${line}: ${message}`);
}

export function unexpected(parser: Parser, token: Token, context: string): never {
  if (token.kind === "error") return failTemplate(parser, token.text);
  const quoted = JSON.stringify(token.text.slice(0, 10));
  const shown =
    token.kind === "eof"
      ? "EOF"
      : token.kind === "keyword"
        ? `<${token.text}>`
        : token.text.length > 10
          ? `${quoted}...`
          : quoted;
  return failTemplate(parser, `unexpected ${shown} in ${context}`);
}

export function expect(parser: Parser, kind: TokenKind, context: string): Token {
  const token = nextPastSpace(parser);
  return token.kind === kind ? token : unexpected(parser, token, context);
}
