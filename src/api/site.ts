import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Duplex } from "node:stream";
import { dropBody } from "../sys/drop-body.ts";
import type { ApiListeners } from "./server.ts";

/**
 * For a TCP socket that requires no client certificate: refuses what a web page of another site sends through its reader's browser,
 * also under a name of its own that leads to this machine (DNS rebinding). No other client is affected.
 * @param names further names of this machine that clients may use
 */
export function guardSite(listeners: ApiListeners, names: readonly string[]): ApiListeners {
  return {
    request(input, output) {
      const reason = findForeignSite(input.headers, names);
      if (reason) refuse(input, output, reason);
      else listeners.request(input, output);
    },
    upgrade(input, socket: Duplex, head) {
      const reason = findForeignSite(input.headers, names);
      if (!reason) return listeners.upgrade(input, socket, head);
      socket.end(
        `HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${reason}\r\n`,
      );
      dropBody(socket, () => socket.destroy());
    },
  };
}

function refuse(input: IncomingMessage, output: ServerResponse, message: string): void {
  input.resume();
  output.writeHead(403, { "Content-Type": "application/json", Connection: "close" });
  output.end(`${JSON.stringify({ message })}\n`);
}

/**
 * Why a request is not taken; undefined when it is. Names are a browser's matter alone: other programs go where their user sends
 * them, by any alias that leads here.
 */
export function findForeignSite(
  headers: IncomingHttpHeaders,
  names: readonly string[],
  machine: () => NamedMachine = readMachine,
): string | undefined {
  const { host, origin, "sec-fetch-site": site } = headers;
  if (host !== undefined && isOfBrowser(headers) && !isOwnName(nameOf(host), names, machine)) {
    return `the API is not served under the name ${JSON.stringify(host)}: use an address of this machine or its host name`;
  }
  const isForeign = origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
  if (isForeign || site === "cross-site") return "requests from web pages of other sites are not allowed";
  return undefined;
}

/**
 * Whether a request looks like a browser's. Sec-Fetch alone does not tell, since it is sent over TLS and to this machine only, and a
 * page that reads its own site sends no Origin. It can also hide where it comes from and choose a User-Agent, but no page can keep
 * Accept-Language out, which no client of Docker's sends (Node's fetch does, and so is refused under a foreign name). "Accept:
 * text/html" says nothing: Java's HTTP client has it too.
 */
function isOfBrowser(headers: IncomingHttpHeaders): boolean {
  return (
    ["origin", "referer", "accept-language"].some((name) => name in headers) ||
    Object.keys(headers).some((name) => name.startsWith("sec-fetch-")) ||
    /^Mozilla\//.test(headers["user-agent"] ?? "")
  );
}

/** Without the port: "[::1]:2375" is "::1". */
function nameOf(host: string): string {
  return host
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
}

/** What a machine is called in its own network. */
export interface NamedMachine {
  /** As it calls itself, perhaps with a domain. */
  name: string;
  /** Where it looks for names without one: those of its network, in which no one else is given its name. */
  domains: readonly string[];
}

function readMachine(): NamedMachine {
  let text = "";
  try {
    text = readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    // Then it is known by its name alone.
  }
  return { name: hostname(), domains: searchDomains(text) };
}

/** Those of the lines "search" and "domain" of a resolv.conf(5). */
export function searchDomains(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^\s*(?:search|domain)\s+(.*)$/gm)].flatMap(([, words = ""]) =>
    words
      .split(/\s+/)
      .map((domain) => domain.replace(/^\.|\.$/g, ""))
      .filter((domain) => domain !== ""),
  );
}

/** A name without a dot is looked up in the local network only, and that of Docker's containers for this machine in none. */
function isOwnName(name: string, names: readonly string[], machine: () => NamedMachine): boolean {
  return (
    isIP(name) !== 0 ||
    !name.includes(".") ||
    name.endsWith(".localhost") ||
    name === "host.docker.internal" ||
    names.some((one) => one.toLowerCase() === name) ||
    namesOf(machine()).includes(name)
  );
}

/** Of multicast DNS (RFC 6762): no name below it is anyone's but a neighbour's. */
const localDomain = "local";

/** Not below just any domain: a page can have this machine's name in a domain of its own. */
function namesOf({ name, domains }: NamedMachine): string[] {
  const [first] = name.split(".");
  return [name, ...[localDomain, ...domains].map((domain) => `${first}.${domain}`)].map((one) =>
    one.toLowerCase(),
  );
}
