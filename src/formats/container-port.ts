import { invalid } from "../errors.ts";

export type PortProtocol = "tcp" | "udp" | "sctp";

/** A port of a container; in the API "80/tcp". */
export interface ContainerPort {
  port: number;
  protocol: PortProtocol;
}

export interface PortRange {
  first: number;
  last: number;
}

export const formatContainerPort = ({ port, protocol }: ContainerPort) => `${port}/${protocol}`;

/** A key of `PortBindings`: "80/tcp", or "80" for TCP. @throws EngineError invalid in Docker's words */
export function parseContainerPort(key: string): ContainerPort {
  const [text = "", name = "tcp", ...more] = key.split("/");
  const range = parsePortRange(text);
  if (!range || range.first !== range.last || range.first === 0 || more.length > 0)
    throw invalid(`invalid port specification: "${text}"`);
  const protocol = findProtocol(name);
  if (!protocol) throw invalid(`invalid port specification: "${key}": invalid proto: ${name}`);
  return { protocol, port: range.first };
}

/** A `HostPort`: "8080", a range to take one of, or "" for any. @throws EngineError invalid in Docker's words */
export function parseHostPort(text: string): PortRange {
  if (text === "") return { first: 0, last: 0 };
  const range = parsePortRange(text);
  if (!range || (range.first === 0 && range.last !== 0))
    throw invalid(`invalid port specification: "${text}"`);
  return range;
}

const mostExposed = 3 * 65_535;

/**
 * The ports that keys of `ExposedPorts` stand for, each once. A key may be a range, "8000-8010/tcp". As in Docker, what is no
 * port is passed over: images have all sorts of things there.
 * @throws EngineError invalid when ranges overlap so often that they are an attack
 */
export function listExposedPorts(keys: readonly string[]): ContainerPort[] {
  const found = new Map<string, ContainerPort>();
  let count = 0;
  for (const key of keys) {
    const [text = "", name = "tcp"] = key.split("/");
    const range = parsePortRange(text);
    const protocol = findProtocol(name);
    if (!range || !protocol || range.first === 0) continue;
    count += range.last - range.first + 1;
    if (count > mostExposed) throw invalid("too many exposed ports");
    for (let port = range.first; port <= range.last; port++) {
      found.set(formatContainerPort({ port, protocol }), { port, protocol });
    }
  }
  return [...found.values()];
}

function parsePortRange(text: string): PortRange | undefined {
  const [, start, end = start] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (start === undefined) return undefined;
  const [first, last] = [Number(start), Number(end)];
  return first <= last && last <= 65_535 ? { first, last } : undefined;
}

function findProtocol(name: string): PortProtocol | undefined {
  return (["tcp", "udp", "sctp"] as const).find((protocol) => protocol === name.toLowerCase());
}
