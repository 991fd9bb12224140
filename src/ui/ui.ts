import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Client } from "../client/client.ts";
import type { CheckPassword } from "../registry/authenticate.ts";
import { answerError, readPlainBody, sendJson } from "./answer.ts";
import { createEngineLink } from "./engine-link.ts";
import { openHistory } from "./history.ts";
import { createLogin } from "./login.ts";
import { checkSite } from "./own-site.ts";
import { loadPage } from "./page.ts";
import { admit, passOn } from "./proxy.ts";
import { notHere, Refusal, unauthorized } from "./refusal.ts";
import { createSampler } from "./sampler.ts";
import { createUiSessions } from "./sessions.ts";
import { createStreams, refuseUpgrade } from "./streams.ts";
import { createTickets, formatDisposition } from "./tickets.ts";

export interface UiOptions {
  client: Client;
  isTls: boolean;
  isReadOnly: boolean;
  /** Under which the page may be asked for, besides `localhost` and addresses. */
  hostNames: readonly string[];
  /** Where the history of what containers use is kept. */
  stateFolder: string | undefined;
  /** Without it, tokens. */
  checkPassword: CheckPassword | undefined;
  /** Gets each token, which is good for one login. */
  announce(token: string): void;
}

/** The page, its sessions, and its way to the engine, for a server of Node's. */
export interface Ui {
  request: RequestListener;
  upgrade(input: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends the sessions and all their streams. */
  close(): void;
}

/** @throws EngineError unavailable when the page has not been built */
export function createUi(options: UiOptions): Ui {
  const page = loadPage();
  const engine = createEngineLink(options.client);
  const sessions = createUiSessions();
  const history = openHistory(options.stateFolder);
  const sampler = createSampler({ engine, onMoment: ({ at }, rates) => history.add(at, rates) });
  const login = createLogin({ ...options, sessions });
  const tickets = createTickets();
  const proxy = { engine, isReadOnly: options.isReadOnly };
  const streams = createStreams({ ...proxy, feed: sampler });

  /** What the page itself asks for; `path` is below `/ui`. */
  async function serveOwn(input: IncomingMessage, output: ServerResponse, path: string): Promise<void> {
    const operation = `${input.method} ${path}`;
    if (operation === "GET /login") return login.describe(output);
    if (operation === "POST /login") return login.enter(input, output);
    const [, ticket] = /^GET \/download\/([\w-]{1,64})$/.exec(operation) ?? [];
    if (ticket) {
      const session = login.cookieSessionOf(input);
      const { target, fileName } = tickets.redeem(session, ticket);
      const headers = { "Content-Disposition": formatDisposition(fileName) };
      return passOn(admit("GET", target, proxy), input, output, {
        ...proxy,
        session: session.signal,
        headers,
      });
    }
    const session = login.sessionOf(input, keyOf(input));
    if (operation === "GET /session") return sendJson(output, { isReadOnly: options.isReadOnly });
    if (operation === "POST /logout") return login.leave(input, output);
    if (operation === "GET /history") {
      const { searchParams } = new URL(input.url ?? "", "http://ui");
      return sendJson(output, history.read(Number(searchParams.get("since")) || 0));
    }
    if (operation !== "POST /download") throw notHere();
    const { target, fileName } = await readPlainBody(input);
    if (typeof target !== "string" || typeof fileName !== "string")
      throw new Refusal(400, "nothing to download");
    admit("GET", target, proxy);
    sendJson(output, { url: `/ui/download/${tickets.issue(session, { target, fileName })}` });
  }

  async function serve(input: IncomingMessage, output: ServerResponse): Promise<void> {
    checkSite(input, options);
    const target = input.url ?? "/";
    const path = target.replace(/[?#].*$/s, "");
    if (path.startsWith("/ui/")) return serveOwn(input, output, path.slice("/ui".length));
    if (path.startsWith("/api/")) {
      const session = login.sessionOf(input, keyOf(input));
      const call = admit(input.method ?? "", target.slice("/api".length), proxy);
      return passOn(call, input, output, { ...proxy, session: session.signal });
    }
    if (!page.serve(input, output, path)) throw notHere();
  }

  return {
    request: (input, output) =>
      void serve(input, output).catch((error: unknown) => answerError(input, output, error)),
    upgrade(input, socket, head) {
      socket.on("error", () => socket.destroy());
      try {
        checkSite(input, options);
        // A browser sets no other header of a WebSocket's request; without an origin it is none of a browser's.
        if (input.headers.origin === undefined)
          throw new Refusal(403, "requests from other sites are refused");
        const [protocol, key] = (input.headers["sec-websocket-protocol"] ?? "").split(/\s*,\s*/);
        if (protocol !== "berth") throw unauthorized();
        streams.open(input, socket, head, login.sessionOf(input, key).signal);
      } catch (error) {
        refuseUpgrade(input, error);
      }
    },
    close() {
      sampler.close();
      sessions.endAll();
    },
  };
}

const keyOf = ({ headers }: IncomingMessage) => {
  const key = headers["x-berth-key"];
  return typeof key === "string" ? key : undefined;
};
