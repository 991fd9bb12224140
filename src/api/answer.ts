import type { IncomingMessage, ServerResponse } from "node:http";
import type { OpenEngine } from "../engine/engine.ts";
import { explainReadOnly } from "../engine/read-only.ts";
import { EngineError, explainLongPath, invalid, messageOf } from "../errors.ts";
import { dropBody } from "../sys/drop-body.ts";
import { statusOf } from "./errors.ts";
import type { Reply, Upgrade } from "./request.ts";
import { isLong, sendElements, sendLong } from "./send-json.ts";

/** One request and the way its answer goes. */
export interface Exchange {
  engine: OpenEngine;
  input: IncomingMessage;
  output: ServerResponse;
  upgrade: Upgrade | undefined;
}

export function send({ engine, output, upgrade }: Exchange, reply: Reply): void {
  const { elements } = reply;
  if (!upgrade && (elements || isLong(reply.body))) {
    output.statusCode = reply.status;
    for (const [name, value] of Object.entries({ "Content-Type": "application/json", ...reply.headers }))
      output.setHeader(name, value);
    const sent = elements ? sendElements(output, elements) : sendLong(output, reply.body as object);
    sent.catch((error: unknown) => {
      engine.logger.error({ error }, "an answer was cut off");
      output.destroy();
    });
    return;
  }
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
  if (upgrade) {
    output.once("finish", () => upgrade.socket.end());
    output.end(body);
    dropBody(upgrade.socket, () => upgrade.socket.destroy());
  } else output.end(body);
}

/** Answers with the error, or breaks off an answer that has begun. Bugs are logged, and what the client can no longer read. */
export function fail(exchange: Exchange, thrown: unknown, gone: AbortSignal): void {
  const { engine, input, output, upgrade } = exchange;
  // The client disconnected, which canceled the work.
  if (gone.aborted) return;
  const reason = thrown instanceof URIError ? invalid(thrown.message, thrown) : thrown;
  const error = explainReadOnly(engine.config.root, explainLongPath(reason));
  const hasBegun = output.headersSent || upgrade?.isTaken;
  const request = `${input.method} ${input.url}`;
  if (!(error instanceof EngineError)) engine.logger.error({ error, request }, messageOf(error));
  else if (hasBegun) engine.logger.warn({ request }, `an answer was broken off: ${messageOf(error)}`);
  if (hasBegun) {
    (upgrade?.socket ?? output).destroy();
    return;
  }
  if (output.destroyed || upgrade?.socket.destroyed) return;
  send(exchange, { status: statusOf(error), body: { message: messageOf(error) } });
}
