import { onEvents } from "../live/events.ts";
import { type LineStore, mostLines } from "./line-store.ts";
import { readLog } from "./read-log.ts";

/** Reads on when the container is started again, and after a lost connection from the last line that came. */
export function followLog(
  id: string,
  source: number,
  sources: number,
  store: LineStore,
  draw: () => void,
  setEnd: (reason: string | undefined) => void,
): () => void {
  let last = "";
  let isOpen = false;
  /** The event of a start may come before the end of the log that was read until then. */
  let isStartedAgain = false;
  let stop = () => {};
  const open = () => {
    isOpen = true;
    isStartedAgain = false;
    setEnd(undefined);
    const known = last;
    stop = readLog(id, Math.floor(mostLines / sources), known, {
      onLine(stream, time, text) {
        // What was read before the connection was lost comes again.
        if (known !== "" && time !== "" && time <= known) return;
        last = time > last ? time : last;
        store.add(source, stream, time, text);
        draw();
      },
      onEnd(failure) {
        isOpen = false;
        if (isStartedAgain) open();
        else setEnd(failure?.message ?? "");
      },
    });
  };
  open();
  const unfollow = onEvents((event) => {
    const isStart = event !== "connected" && event.Action === "start" && event.Actor.ID.startsWith(id);
    if (isOpen) isStartedAgain ||= isStart;
    else if (event === "connected" || isStart) open();
  });
  return () => {
    unfollow();
    stop();
  };
}
