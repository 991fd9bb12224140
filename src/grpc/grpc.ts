import type { Duplex } from "node:stream";
import { serveGrpc } from "../buildkit/wire/server.ts";
import { controlMethods } from "./control.ts";
import type { Door } from "./door.ts";
import { gatewayMethods } from "./gateway.ts";
import { createJobs } from "./jobs.ts";
import { createSessions, type Sessions } from "./sessions.ts";

/** BuildKit's API, over connections that were HTTP before. */
export interface BuildDoor {
  /** Serves the API on a connection. */
  serve(connection: Duplex): void;
  sessions: Sessions;
}

export function openBuildDoor(rooms: Omit<Door, "jobs" | "sessions">): BuildDoor {
  const door: Door = { ...rooms, jobs: createJobs(), sessions: createSessions() };
  const methods = new Map([...controlMethods(door), ...gatewayMethods(door)]);
  return { serve: (connection) => serveGrpc(connection, methods), sessions: door.sessions };
}
