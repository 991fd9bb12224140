import { type NamedSandbox, resolverAddress } from "../supervisor-protocol/names.ts";
import { createAnswerCache } from "./answer-cache.ts";
import type { DnsTransport, Server } from "./ask-server.ts";
import type { Forwarder } from "./forward.ts";
import { lookUp } from "./lookup.ts";
import {
  type DnsQuery,
  encodeAnswer,
  encodeFailure,
  fitAnswer,
  parseQuery,
  responseCode,
} from "./message.ts";
import type { NameIndex } from "./name-index.ts";
import type { HostServers } from "./servers.ts";

/** A sandbox that asks. */
export interface Asker {
  named: NamedSandbox;
  /** Descriptor of its network namespace; -1 once that is closed. */
  netns: number;
  /** Queries that are being asked elsewhere. */
  underWay: number;
}

/** Answers one query, at once when it is answered here; undefined for what is no query. Never throws. */
export type Responder = (
  asker: Asker,
  query: Buffer,
  transport: DnsTransport,
) => Buffer | undefined | Promise<Buffer>;

/** Of one sandbox, so that one that asks without end takes nothing from the others. */
const mostUnderWay = 1024;
/** Of all together: each is a descriptor. The first half is for those who come; of the other each has its share. */
const mostUnderWayInAll = 8192;

export function createResponder(index: NameIndex, hostServers: HostServers, forwarder: Forwarder): Responder {
  const cache = createAnswerCache(() => index.version());
  let underWayInAll = 0;
  /** How many askers have queries under way. */
  let askers = 0;

  function isTooMany({ underWay }: Asker): boolean {
    const half = mostUnderWayInAll / 2;
    if (underWay === mostUnderWay || underWayInAll === mostUnderWayInAll) return true;
    return underWay > 0 && underWayInAll >= half && underWay >= half / askers;
  }

  function answer(
    asker: Asker,
    query: Buffer,
    parsed: DnsQuery,
    transport: DnsTransport,
  ): Buffer | Promise<Buffer> {
    const { name, type, class: zone } = parsed.question;
    if (zone !== "IN") return forward(asker, query, transport);
    const found = lookUp(index, asker.named, name, type);
    if (found.kind === "elsewhere") return forward(asker, query, transport);
    const count = found.kind === "addresses" ? found.addresses.length : 1;
    return cache.keep(asker, query, transport, count, (turn) => {
      const whole = encodeAnswer(parsed, found, turn);
      return transport === "udp" ? fitAnswer(parsed, whole) : whole;
    });
  }

  async function forward(asker: Asker, query: Buffer, transport: DnsTransport): Promise<Buffer> {
    if (isTooMany(asker)) return encodeFailure(query, responseCode.refused);
    if (asker.underWay++ === 0) askers++;
    underWayInAll++;
    try {
      const found = await forwarder.forward(query, transport, serversOf(asker, hostServers), asker);
      return found ?? encodeFailure(query, responseCode.serverFailure);
    } finally {
      if (--asker.underWay === 0) askers--;
      underWayInAll--;
    }
  }

  return (asker, query, transport) => {
    const known = cache.find(asker, query, transport);
    if (known) return known;
    const parsed = parseQuery(query);
    if (parsed === undefined) return undefined;
    if (typeof parsed === "number") return encodeFailure(query, parsed);
    try {
      return answer(asker, query, parsed, transport);
    } catch (error) {
      console.error(error);
      return encodeFailure(query, responseCode.serverFailure);
    }
  };
}

function serversOf(asker: Asker, hostServers: HostServers): Server[] {
  const { named } = asker;
  // `--dns 127.0.0.11`: that is this resolver, which would ask itself.
  const own = named.servers.filter((address) => address !== resolverAddress.join("."));
  if (own.length > 0) return own.map((address) => ({ address, from: asker }));
  return named.isIsolated ? [] : hostServers.list().map((address) => ({ address }));
}
