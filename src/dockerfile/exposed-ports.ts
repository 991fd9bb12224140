import { isIP } from "node:net";
import { invalid } from "../errors.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";

/**
 * The ports of one word of EXPOSE, as "80/tcp". An address and a port of the host may stand in front, and do nothing.
 * @throws EngineError invalid, in BuildKit's words
 */
export function parseExposedPorts(word: string): string[] {
  const parts = word.split(":");
  const [container = "", host = "", ...rest] = parts.toReversed();
  const address = rest.toReversed().join(":");
  const { range, protocol } = splitProtocol(word, container);
  if (address.startsWith("[") && !address.endsWith("]"))
    throw invalid(`invalid IP address ${address}: address ${address}:: missing ']' in address`);
  const bare = address.startsWith("[") ? address.slice(1, -1) : address;
  if (bare !== "" && isIP(bare) === 0) throw invalid(`invalid IP address: ${bare}`);
  const inside = readRange(range);
  if (!inside) throw invalid(`invalid containerPort: ${range}`);
  const [first, last] = inside;
  if (host !== "") checkHost(host, range, last - first);
  return Array.from({ length: last - first + 1 }, (_, at) => `${first + at}/${protocol}`);
}

function splitProtocol(word: string, container: string): { range: string; protocol: string } {
  const slash = container.indexOf("/");
  const range = slash < 0 ? container : container.slice(0, slash);
  const protocol = slash < 0 ? "" : container.slice(slash + 1);
  const lower = protocol.toLowerCase() || "tcp";
  if (range === "") throw invalid(`invalid port: ${quoteGo(word)}: no port specified`);
  if (lower !== "tcp" && lower !== "udp" && lower !== "sctp")
    throw invalid(`invalid port: ${quoteGo(word)}: invalid proto: ${protocol}`);
  return { range, protocol: lower };
}

/** A range of the host's ports may be as long as the container's, or stand for any of them for a single one. */
function checkHost(host: string, range: string, length: number): void {
  const outside = readRange(host);
  if (!outside) throw invalid(`invalid hostPort: ${host}`);
  if (length !== 0 && outside[1] - outside[0] !== length)
    throw invalid(`invalid ranges specified for container and host Ports: ${range} and ${host}`);
}

function readRange(text: string): [first: number, last: number] | undefined {
  const match = /^\+?(\d{1,10})(?:-\+?(\d{1,10}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first <= last && last <= 65_535 ? [first, last] : undefined;
}
