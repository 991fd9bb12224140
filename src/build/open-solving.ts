import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { ClientSession } from "./client-session.ts";
import type { Reporter } from "./progress.ts";
import type { SolveRooms, Solving } from "./solve/solving.ts";

/** Whom a build is for. */
export interface SolvingRequest {
  sessionId: string;
  /** @throws EngineError when there is none, and none comes soon */
  session(id: string): Promise<ClientSession>;
  /** Logins that came with the request. */
  findCredentials?(domain: string): RegistryAuth | undefined;
  report: Reporter;
  signal: AbortSignal;
}

/** One that cannot be let go of does not keep the others. */
function closeLogged({ logger }: SolveRooms, closer: () => void): void {
  try {
    closer();
  } catch (error) {
    logger.error({ error }, "a build could not let go of something");
  }
}

/** Has what the steps of a build need of it until it is closed. */
export function openSolving(
  rooms: SolveRooms,
  request: SolvingRequest,
): { solving: Solving; close: () => void } {
  const { sessionId, report } = request;
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const closers: (() => void)[] = [];
  let [holds, isClosed] = [0, false];
  const settle = () => {
    if (!isClosed || holds > 0) return;
    for (const closer of closers.splice(0)) closeLogged(rooms, closer);
    rooms.onBuildOver();
  };
  const session = (id: string) => request.session(id === "" ? sessionId : id);
  const solving: Solving = {
    ...{ rooms, report, signal, file: undefined, fetched: [] },
    session,
    findCredentials: async (domain) =>
      request.findCredentials?.(domain) ??
      (await session("").catch(() => undefined))?.findCredentials(domain),
    onClose(work) {
      closers.push(work);
      settle();
    },
    hold() {
      holds++;
      return () => {
        holds--;
        settle();
      };
    },
  };
  const close = () => {
    isClosed = true;
    rooms.closers.delete(close);
    stop.abort(new Error("context canceled"));
    settle();
  };
  rooms.closers.add(close);
  return { solving, close };
}
