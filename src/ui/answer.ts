import type { IncomingMessage, ServerResponse } from "node:http";
import { sendRefusal } from "../sys/drop-body.ts";
import { Refusal, toRefusal } from "./refusal.ts";

/** For every answer: nothing of it is run, framed, cached, or read by a page of another origin. */
export const closedHeaders = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cache-Control": "no-store",
} as const;

export function sendJson(output: ServerResponse, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  output.writeHead(200, {
    ...closedHeaders,
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    ...headers,
  });
  output.end(text);
}

/** Answers with the error, unless the answer has begun: then the client sees that it is cut. */
export function answerError(input: IncomingMessage, output: ServerResponse, thrown: unknown): void {
  if (output.destroyed) return;
  if (output.headersSent) {
    output.destroy();
    return;
  }
  const { status, message, headers } = toRefusal(thrown);
  sendRefusal(input, output, {
    status,
    headers: { ...closedHeaders, ...headers },
    body: JSON.stringify({ message }),
  });
}

const mostBodyBytes = 16 * 1024;

const longestBodyMilliseconds = 10_000;

/**
 * A small object of strings, as the page's own operations take it.
 * @param milliseconds until it must have come
 * @throws Refusal
 */
export async function readPlainBody(
  input: IncomingMessage,
  milliseconds = longestBodyMilliseconds,
): Promise<Record<string, unknown>> {
  if (!/^application\/json\b/.test(input.headers["content-type"] ?? ""))
    throw new Refusal(415, "the body must be application/json");
  const body = await collect(input, milliseconds);
  try {
    const value: unknown = JSON.parse(body.toString());
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw new Refusal(400, "the body must be a JSON object");
}

/** The request is left as it is when this fails, so that it can still be answered. @throws Refusal */
function collect(input: IncomingMessage, milliseconds: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const refuse = (status: number, message: string) => {
      clearTimeout(timer);
      input.off("data", take);
      reject(new Refusal(status, message));
    };
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length > mostBodyBytes) refuse(413, "the body is too large");
      else chunks.push(chunk);
    };
    const timer = setTimeout(() => refuse(408, "the body did not come in time"), milliseconds);
    const cut = () => refuse(400, "the body was cut off");
    input.on("data", take).once("error", cut).once("close", cut);
    input.once("end", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}
