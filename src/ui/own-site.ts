import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { Refusal } from "./refusal.ts";

/** Which names in the address bar lead to this server, and whether a request comes from its own page. */
export interface OwnSite {
  isTls: boolean;
  /** Names besides `localhost` and addresses. */
  hostNames: readonly string[];
}

/**
 * A name of another's making may lead to this machine (DNS rebinding), an address cannot.
 * @throws Refusal for a request under a foreign name, or of another site's page
 */
export function checkSite({ headers, method, url }: IncomingMessage, { isTls, hostNames }: OwnSite): void {
  const { host = "", origin } = headers;
  if (!isOwnHost(host, hostNames)) {
    const name = JSON.stringify(host.slice(0, 200));
    throw new Refusal(421, `this page is not served under the name ${name}: allow it with --host-name`);
  }
  const own = `${isTls ? "https" : "http"}://${host}`;
  // A browser sends its origin with whatever changes something.
  const isForeign = origin === undefined ? method !== "GET" && method !== "HEAD" : origin !== own;
  const from = headers["sec-fetch-site"];
  const isFromElsewhere = from !== undefined && from !== "same-origin" && from !== "none";
  // The file that opens a browser leads here, and a link may: the entrance is the same for all, and takes no cookie along.
  const isVisit = method === "GET" && url === "/" && headers["sec-fetch-dest"] === "document";
  if (isForeign || (isFromElsewhere && !isVisit))
    throw new Refusal(403, "requests from other sites are refused");
}

/** As in a Host header: "localhost:9000", "[::1]:9000". */
function isOwnHost(host: string, names: readonly string[]): boolean {
  const [, bare] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host) ?? [];
  if (bare === undefined) return false;
  const name = bare.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return isIP(name) !== 0 || name === "localhost" || names.some((one) => one.toLowerCase() === name);
}
