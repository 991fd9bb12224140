import { isIP } from "node:net";
import type { PortBinding } from "./docker-api/docker-api.ts";

/** One container port and where it is published: key as in the API, `80/tcp`. */
export interface PublishedPort {
  port: string;
  binding: PortBinding;
}

/**
 * Parses `-p`: `[ip:][hostPort[-end]:]containerPort[-end][/proto]` or the long form `published=8080,target=80`.
 * A range gives one entry per container port; a host range for one port stays a range, of which the engine takes one.
 * @throws Error in Docker's words
 */
export function parsePortSpec(text: string): PublishedPort[] {
  const spec = text.includes("=") ? fromLongForm(text) : text;
  const slash = spec.indexOf("/");
  const address = slash === -1 ? spec : spec.slice(0, slash);
  const proto = (slash === -1 ? "tcp" : spec.slice(slash + 1)).toLowerCase() || "tcp";
  const parts = address.split(":");
  const containerText = parts.pop() ?? "";
  const hostText = parts.pop() ?? "";
  const ip = parts.join(":").replace(/^\[(.*)\]$/, "$1");
  if (ip !== "" && isIP(ip) === 0) throw new Error(`invalid IP address: ${ip}`);
  if (containerText === "") throw new Error(`no port specified: ${spec}<empty>`);
  const container = parsePortRange(containerText, "containerPort");
  const host = hostText === "" ? undefined : parsePortRange(hostText, "hostPort");
  if (!["tcp", "udp", "sctp"].includes(proto)) throw new Error(`invalid proto: ${proto}`);
  const count = container.end - container.start;
  if (host !== undefined && host.end - host.start !== count && count !== 0) {
    throw new Error(
      `invalid ranges specified for container and host Ports: ${containerText} and ${hostText}`,
    );
  }
  return Array.from({ length: count + 1 }, (_, offset) => ({
    port: `${container.start + offset}/${proto}`,
    binding: { HostIp: ip, HostPort: hostPortOf(host, count, offset, hostText) },
  }));
}

function hostPortOf(
  host: { start: number; end: number } | undefined,
  count: number,
  offset: number,
  text: string,
): string {
  if (host === undefined) return "";
  if (count === 0 && host.end !== host.start) return text;
  return String(host.start + offset);
}

function parsePortRange(text: string, name: string): { start: number; end: number } {
  const ports = text.split("-").map(parsePort);
  const [start, end] = [ports[0], ports.at(-1)];
  if (start === undefined || end === undefined || end < start || ports.length > 2) {
    throw new Error(`invalid ${name}: ${text}`);
  }
  return { start, end };
}

function parsePort(text: string): number | undefined {
  const port = Number(text);
  return /^\d+$/.test(text) && port <= 65535 ? port : undefined;
}

function fromLongForm(text: string): string {
  const fields = text.split(",").map((field): [string, string] => {
    const equals = field.indexOf("=");
    if (equals < 1) throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    return [field.slice(0, equals), field.slice(equals + 1)];
  });
  // Docker passes over what it does not know, such as the mode=host of a service.
  const known = new Map(fields);
  return `${known.get("published") ?? ""}:${known.get("target") ?? ""}/${known.get("protocol") ?? "tcp"}`;
}

/** Parses `--expose`: `80`, `80-90/udp`, to API keys. @throws Error in Docker's words */
export function parseExposeSpec(text: string): string[] {
  if (text.includes(":")) throw new Error(`invalid port format for --expose: ${text}`);
  const [range = "", proto = "tcp"] = text.split("/");
  if (range === "")
    throw new Error(`invalid range format for --expose: ${text}, error: empty string specified for ports`);
  const ports = range.split("-").map((port) => {
    const number = parsePort(port);
    if (number !== undefined) return number;
    const problem = /^\d+$/.test(port) ? "value out of range" : "invalid syntax";
    const reason = `strconv.ParseUint: parsing ${JSON.stringify(port)}: ${problem}`;
    throw new Error(`invalid range format for --expose: ${text}, error: ${reason}`);
  });
  const [start = 0, end = start] = ports;
  if (end < start)
    throw new Error(
      `invalid range format for --expose: ${text}, error: invalid range specified for port: ${range}`,
    );
  return Array.from({ length: end - start + 1 }, (_, offset) => `${start + offset}/${proto}`);
}
