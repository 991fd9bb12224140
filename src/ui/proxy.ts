import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { abortable } from "../sys/abortable.ts";
import { closedHeaders } from "./answer.ts";
import type { EngineLink } from "./engine-link.ts";
import { type EngineCall, matchOperation } from "./match-operation.ts";
import { Refusal, toRefusal } from "./refusal.ts";

const sentHeaders = ["content-type", "content-length", "x-registry-auth", "x-registry-config"];
const returnedHeaders = ["content-type", "content-length", "x-docker-container-path-stat"];

export interface ProxyOptions {
  engine: EngineLink;
  isReadOnly: boolean;
}

/** What the engine is asked for, if it may be. @throws Refusal */
export function admit(method: string, target: string, { isReadOnly }: ProxyOptions): EngineCall {
  const call = matchOperation(method, target);
  if (isReadOnly && call.effect !== "reads") throw readOnly();
  return call;
}

export const readOnly = () => new Refusal(403, "this page is read-only: it was started with --read-only");

/**
 * Passes one request on to the engine, and its answer back, both as they come; what one side ends ends the other.
 * @param headers further ones of the answer
 */
export async function passOn(
  call: EngineCall,
  input: IncomingMessage,
  output: ServerResponse,
  {
    engine,
    session,
    headers = {},
  }: ProxyOptions & { session: AbortSignal; headers?: Record<string, string> },
): Promise<void> {
  const gone = new AbortController();
  output.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, session]);
  const hasBody = "content-length" in input.headers || "transfer-encoding" in input.headers;
  const isUpload = hasBody && (call.method === "POST" || call.method === "PUT");
  const upload = isUpload ? watchUpload(input) : undefined;
  const answer = await ask(call, input, { engine, signal, upload: upload?.stream }).catch(
    (error: unknown) => {
      upload?.stop();
      throw error;
    },
  );
  const { statusCode = 200 } = answer;
  output.writeHead(statusCode, { ...pick(answer.headers, returnedHeaders), ...closedHeaders, ...headers });
  output.flushHeaders();
  const end = () => output.destroy();
  session.addEventListener("abort", end, { once: true });
  await pipeline(answer, output).catch(() => output.destroy());
  session.removeEventListener("abort", end);
  upload?.stop();
}

async function ask(
  { method, path, query }: EngineCall,
  input: IncomingMessage,
  { engine, signal, upload }: { engine: EngineLink; signal: AbortSignal; upload: Readable | undefined },
): Promise<IncomingMessage> {
  const { transport } = await abortable(engine.client(), signal);
  const headers = pick(input.headers, sentHeaders);
  if (!upload) delete headers["content-length"];
  try {
    if (method === "HEAD") return await transport.head(path, { query, headers, signal });
    return await transport.stream(method, path, {
      query,
      headers,
      signal,
      ...(upload && { stream: upload }),
    });
  } catch (error) {
    if (toRefusal(error).status === 502) engine.forget();
    throw error;
  }
}

const longestSilenceMilliseconds = 60_000;

interface Upload {
  stream: Readable;
  /** Once there is an answer: the connection may carry another request by now. */
  stop(): void;
}

/** An upload that no longer moves is given up. */
function watchUpload(input: Readable): Upload {
  const give = () => input.destroy(new Refusal(408, "the upload stopped"));
  let timer = setTimeout(give, longestSilenceMilliseconds);
  const through = new Transform({
    transform(chunk, _, done) {
      clearTimeout(timer);
      timer = setTimeout(give, longestSilenceMilliseconds);
      done(null, chunk);
    },
  });
  // It may be given up before the engine reads it, and without a listener that would end the process.
  through.on("error", () => {});
  input.once("error", (error) => through.destroy(error));
  through.once("close", () => clearTimeout(timer));
  const stop = () => {
    clearTimeout(timer);
    input.unpipe(through).resume();
    through.destroy();
  };
  return { stream: input.pipe(through), stop };
}

function pick(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  const found = names.flatMap((name) => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}
