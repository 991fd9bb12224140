import type { Duplex } from "node:stream";
import { serveGrpc } from "../buildkit/wire/server.ts";
import { controlMethods } from "./control.ts";
import type { Door } from "./door.ts";
import { gatewayMethods } from "./gateway.ts";
import { historyMethods } from "./history.ts";
import { createHistoryListeners } from "./history-listeners.ts";
import { openHistoryStore } from "./history-store.ts";
import { createJobs } from "./jobs.ts";
import { buildPlainly, type PlainBuild } from "./plain-build.ts";
import { createSessions, type Sessions } from "./sessions.ts";

/** BuildKit's API, over connections that were HTTP before. */
export interface BuildDoor {
  /** Serves the API on a connection. */
  serve(connection: Duplex): void;
  sessions: Sessions;
  /** Builds for clients that ask by another way. @throws BuildError */
  build(asked: PlainBuild): Promise<Map<string, string>>;
}

/** @param historyFolder is made */
export function openBuildDoor(
  rooms: Omit<Door, "jobs" | "sessions" | "history" | "historyListeners">,
  historyFolder: string,
): BuildDoor {
  const door: Door = {
    ...{ ...rooms, jobs: createJobs(), sessions: createSessions() },
    history: openHistoryStore(historyFolder, rooms.logger),
    historyListeners: createHistoryListeners(),
  };
  const methods = new Map([...controlMethods(door), ...gatewayMethods(door), ...historyMethods(door)]);
  return {
    serve: (connection) => serveGrpc(connection, methods),
    sessions: door.sessions,
    build: (asked) => buildPlainly(door, asked),
  };
}
