import type { EventMessage } from "../../src/formats/docker-api/docker-api-system.ts";
import { get } from "../api/call.ts";
import { createJsonLines } from "../api/json-lines.ts";
import { openStream, type Stream } from "../api/stream.ts";
import { sessionKey } from "../session.ts";
import { createStore } from "../store.ts";

/** Whether what is shown is what is: from the first moment events come to the last. */
export const connection = createStore<"connecting" | "live" | "lost">("connecting");
/** Why it was lost. */
export const lossReason = createStore("");

/** The last events, the newest first. */
export const recentEvents = createStore<readonly EventMessage[]>([]);

type Listener = (event: EventMessage | "connected") => void;
const listeners = new Set<Listener>();
const mostRecent = 200;
const [firstWait, longestWait] = [500, 5000];

/** Calls with each event, and with "connected" whenever anything may have been missed. */
export function onEvents(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let stream: Stream | undefined;
let wait = firstWait;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Follows the engine until the page is left; a lost connection is tried again by itself. */
export function followEvents(): () => void {
  connect();
  return () => {
    clearTimeout(timer);
    stream?.close();
    stream = undefined;
  };
}

function connect(): void {
  const push = createJsonLines<EventMessage>(take);
  stream = openStream(
    "/events",
    {},
    {
      onOpen() {
        wait = firstWait;
        connection.set("live");
        for (const listener of listeners) listener("connected");
      },
      onBytes: push,
      onEnd(failure) {
        lossReason.set(failure?.message ?? "");
        connection.set("lost");
        if (sessionKey.get() === "") return;
        timer = setTimeout(connectAgain, wait, stream);
        wait = Math.min(longestWait, wait * 2);
      },
    },
  );
}

/** A stream that is refused does not say why. A session that is over does, when it is asked for, and is forgotten with that. */
async function connectAgain(lost: Stream | undefined): Promise<void> {
  await get("/ui/session").catch(() => {});
  if (sessionKey.get() !== "" && stream === lost) connect();
}

function take(event: EventMessage): void {
  // Of what health checks do, there would be nothing else to see.
  if (!/^exec_/.test(event.Action)) recentEvents.set([event, ...recentEvents.get()].slice(0, mostRecent));
  for (const listener of listeners) listener(event);
}
