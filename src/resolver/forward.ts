import { askServer, type DnsTransport, type Server } from "./ask-server.ts";
import { codeOf, responseCode } from "./message.ts";

/** Asks name servers elsewhere. */
export interface Forwarder {
  /**
   * Asks the servers in turn, each a while after the one before it, which may still answer. What is answered is passed on as it is.
   * @param asker on whose behalf; it changes the order of the servers for no other
   * @returns the last refusal when all refuse; undefined when no server answers
   */
  forward(
    query: Buffer,
    transport: DnsTransport,
    servers: readonly Server[],
    asker: object,
  ): Promise<Buffer | undefined>;
}

/** As many as the C library asks, resolv.conf(5). */
const mostServers = 3;
/** Twice that is well within the five seconds that the C library waits before it asks again. */
const patienceMilliseconds = 1000;
const timeoutMilliseconds = 4000;
/** A server that has not answered comes last for as long. */
const mistrustMilliseconds = 10_000;

/** @param ask for tests */
export function createForwarder(ask = askServer): Forwarder {
  /**
   * Until when a server is asked last, by address, for each asker: a server is also silent where it waits for the one of the name that
   * is asked for, which anyone can choose.
   */
  const mistrusted = new WeakMap<object, Map<string, number>>();

  function inOrder(servers: readonly Server[], asker: object): Server[] {
    const now = performance.now();
    const own = mistrusted.get(asker);
    for (const [address, until] of own ?? []) if (until < now) own?.delete(address);
    const isBad = ({ address }: Server) => own?.has(address) ?? false;
    return servers.slice(0, mostServers).toSorted((a, b) => Number(isBad(a)) - Number(isBad(b)));
  }

  function mistrust({ address }: Server, asker: object): void {
    const own = mistrusted.get(asker) ?? new Map<string, number>();
    mistrusted.set(asker, own.set(address, performance.now() + mistrustMilliseconds));
  }

  return {
    forward(query, transport, servers, asker) {
      const askOne: Ask = async (server, signal) => {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMilliseconds)]);
        const answer = await ask(query, transport, server, limit);
        if (answer) mistrusted.get(asker)?.delete(server.address);
        else if (!signal.aborted) mistrust(server, asker);
        return answer;
      };
      return raceServers(inOrder(servers, asker), askOne, (server) => mistrust(server, asker));
    },
  };
}

type Ask = (server: Server, signal: AbortSignal) => Promise<Buffer | undefined>;

/** @param onSlow gets one that has not answered when the next is asked; it may answer still */
function raceServers(
  servers: readonly Server[],
  ask: Ask,
  onSlow: (server: Server) => void,
): Promise<Buffer | undefined> {
  const end = new AbortController();
  return new Promise<Buffer | undefined>((resolve) => {
    let started = 0;
    let underWay = 0;
    let refusal: Buffer | undefined;
    let timer: NodeJS.Timeout | undefined;

    async function askNext(): Promise<void> {
      clearTimeout(timer);
      const server = servers[started++];
      if (!server) return;
      underWay++;
      if (started < servers.length)
        timer = setTimeout(() => {
          onSlow(server);
          void askNext();
        }, patienceMilliseconds);
      const answer = await ask(server, end.signal).catch(() => undefined);
      underWay--;
      if (answer && isFinal(answer)) return settle(answer);
      refusal = answer ?? refusal;
      if (started < servers.length) void askNext();
      else if (underWay === 0) settle(refusal);
    }
    function settle(answer: Buffer | undefined): void {
      clearTimeout(timer);
      resolve(answer);
      end.abort();
    }

    if (servers.length === 0) resolve(undefined);
    else void askNext();
  });
}

/** Another server may know what this one could not say. That a name does not exist is an answer. */
function isFinal(answer: Buffer): boolean {
  const code = codeOf(answer);
  return code !== responseCode.serverFailure && code !== responseCode.refused;
}
