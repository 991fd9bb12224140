import type { IncomingMessage, ServerResponse } from "node:http";
import type { Engine } from "../engine/engine.ts";
import { explainReadOnly } from "../engine/read-only.ts";
import { EngineError, invalid, messageOf } from "../errors.ts";
import { statusOf } from "./errors.ts";
import type { Reply, Upgrade } from "./request.ts";

/** One request and the way its answer goes. */
export interface Exchange {
  engine: Engine;
  input: IncomingMessage;
  output: ServerResponse;
  upgrade: Upgrade | undefined;
}

export function send({ output, upgrade }: Exchange, reply: Reply): void {
  if (upgrade) output.assignSocket(upgrade.socket as never);
  const isText = typeof reply.body === "string";
  const body =
    reply.body === undefined ? undefined : isText ? String(reply.body) : `${JSON.stringify(reply.body)}\n`;
  output.writeHead(reply.status, {
    ...(body !== undefined && {
      "Content-Type": isText ? "text/plain; charset=utf-8" : "application/json",
      "Content-Length": Buffer.byteLength(body),
    }),
    ...reply.headers,
  });
  output.end(body);
  if (upgrade) output.once("finish", () => upgrade.socket.end());
}

/** Answers with the error, as long as there is somebody to read it; what is not the client's mistake is logged. */
export function fail(exchange: Exchange, thrown: unknown, gone: AbortSignal): void {
  const { engine, input, output, upgrade } = exchange;
  // The client has gone, which ended what was done for it.
  if (gone.aborted) return;
  const reason = thrown instanceof URIError ? invalid(thrown.message, thrown) : thrown;
  const error = explainReadOnly(engine.config.root, reason);
  if (!(error instanceof EngineError)) {
    engine.logger.error({ error, request: `${input.method} ${input.url}` }, messageOf(error));
  }
  if (output.headersSent) {
    output.destroy();
    return;
  }
  if (output.destroyed || upgrade?.socket.destroyed) return;
  send(exchange, { status: statusOf(error), body: { message: messageOf(error) } });
}
