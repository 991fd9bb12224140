import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { watchHangUp } from "../sys/hang-up.ts";
import { routes } from "./routes.ts";

/** Paths of the operations that take over their connection, by method. */
const takers = routes
  .filter(([, , , input]) => input === "hijacked")
  .map(([method, path]) => {
    const pattern = path.replaceAll(/:\w+/g, "[^/?]+");
    return { method, path: new RegExp(`^(/v\\d+\\.\\d+)?${pattern}(\\?|$)`) };
  });

/** Whether a request is for an operation that takes over its connection. */
export function canHijack({ method, url = "" }: Pick<IncomingMessage, "method" | "url">): boolean {
  return takers.some((taker) => taker.method === method && taker.path.test(url));
}

/** The part of Node's parser that decides what becomes of the connection once a request's head is there. */
interface Parser {
  onIncoming?: ((input: IncomingMessage & { upgrade?: boolean }, keepAlive: boolean) => number) | null;
}

/** Tells the parser that what follows the head is not HTTP. */
const upgradeWithoutBody = 2;

/**
 * Has the server emit "upgrade" for exactly the operations that take over their connection. By itself Node does it for each request
 * with both headers, whatever it is for: curl sends them with everything (`Upgrade: h2c`). And clients that want a connection may
 * send one of the headers or none.
 *
 * Call it for each new connection, after the server's own listener. Node documents a way to refuse an upgrade, and none to
 * begin one; where its parser has another shape, such clients get their output and cannot send input.
 */
export function decideUpgrades(socket: Duplex): void {
  const { parser } = socket as { parser?: Parser };
  const onIncoming = parser?.onIncoming;
  if (!parser || !onIncoming) return;
  parser.onIncoming = (input, keepAlive) => {
    const isAsked = input.upgrade;
    // Input in chunks comes as the request's body.
    input.upgrade = canHijack(input) && (isAsked || !("transfer-encoding" in input.headers));
    const result = onIncoming(input, keepAlive);
    // Node waits for the rest of its body, and does not check whether the client is still there to send it.
    if (input.upgrade) watchHangUp(input.socket, () => void (input.complete || socket.destroy()));
    return input.upgrade && !isAsked ? upgradeWithoutBody : result;
  };
}
