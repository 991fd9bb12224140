import { Refusal } from "./refusal.ts";
import { secret, type UiSession } from "./sessions.ts";

/** A download is a link that the browser follows by itself, without the page's key: each link is good once, and soon. */
export interface Tickets {
  issue(session: UiSession, download: Download): string;
  /** @throws Refusal for a link that was used, is too old, or is another session's */
  redeem(session: UiSession, ticket: string): Download;
}

export interface Download {
  /** Of the engine's API, with its query. */
  target: string;
  fileName: string;
}

const mostTickets = 256;
const lifeMilliseconds = 60_000;

/** @param now in milliseconds; given by tests */
export function createTickets(now: () => number = Date.now): Tickets {
  const issued = new Map<string, Download & { session: UiSession; endsAt: number }>();
  return {
    issue(session, download) {
      const [oldest] = issued.keys();
      if (issued.size >= mostTickets && oldest !== undefined) issued.delete(oldest);
      const ticket = secret();
      issued.set(ticket, { ...download, session, endsAt: now() + lifeMilliseconds });
      return ticket;
    },
    redeem(session, ticket) {
      const found = issued.get(ticket);
      if (!found || found.session !== session || found.endsAt <= now())
        throw new Refusal(404, "this download's link is no longer valid");
      issued.delete(ticket);
      return found;
    },
  };
}

/** As RFC 6266 has it: a name for old clients, and the name itself. */
export function formatDisposition(fileName: string): string {
  const plain = fileName.replace(/[^\w. -]/g, "_").slice(0, 200);
  const encoded = encodeURIComponent(fileName.slice(0, 200).toWellFormed()).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
