import { messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { type Bell, createBell } from "./bell.ts";
import { createCursor, type LogPlace } from "./cursor.ts";
import { readPlace, writePlace } from "./place.ts";
import type { LogRemote } from "./remote.ts";

/** What takes one log elsewhere. */
export interface Shipper {
  /** There may be more in the log, or it has come to its end. */
  wake(): void;
  close(): void;
}

export interface ShipperOptions {
  /** The log's file. */
  path: string;
  /** Where it is kept how far the log has been taken. */
  placePath: string;
  connect(): Promise<LogRemote>;
  /** Whether nothing more will be written for now. */
  isAtRest(): boolean;
  logger: Logger;
}

/** What was sent counts as taken when its connection has lasted this long: then it is not sent again. */
const settleMilliseconds = 1000;
const firstPauseMilliseconds = 100;
const longestPauseMilliseconds = 30_000;

/**
 * Sends a log's lines to where they belong, each at least once, from where an earlier one stopped: also over ends of this process and
 * of the other side. It only reads what is written anyway, so that nothing waits for it.
 * @param onIdle all is sent and the log at rest; it can be closed
 */
export function startShipper(options: ShipperOptions, onIdle: () => void): Shipper {
  const closing = new AbortController();
  const bell = createBell();
  void keepShipping(options, bell, closing.signal).then(
    (isDone) => isDone && onIdle(),
    (error: unknown) => options.logger.error({ error, path: options.path }, "a log is no longer sent on"),
  );
  return {
    wake: bell.ring,
    close() {
      closing.abort();
      bell.ring();
    },
  };
}

async function keepShipping(options: ShipperOptions, bell: Bell, closing: AbortSignal): Promise<boolean> {
  let pause = firstPauseMilliseconds;
  while (!closing.aborted) {
    const remote = await options.connect().catch((error: unknown) => void warn(options, pause, error));
    if (remote) {
      const since = performance.now();
      const close = () => remote.close();
      closing.addEventListener("abort", close);
      try {
        await ship(options, remote, bell, closing);
        return !closing.aborted;
      } catch (error) {
        if (closing.aborted) return false;
        // One that takes connections and drops them is left alone like one that takes none.
        if (performance.now() - since >= settleMilliseconds) pause = firstPauseMilliseconds;
        warn(options, pause, error);
      } finally {
        closing.removeEventListener("abort", close);
        remote.close();
      }
    }
    // Lines that come meanwhile are no reason to try earlier.
    const until = performance.now() + pause;
    while (!closing.aborted && performance.now() < until) await bell.wait(until - performance.now());
    pause = Math.min(pause * 2, longestPauseMilliseconds);
  }
  return false;
}

/** Once for a row of failures. */
function warn({ logger, path }: ShipperOptions, pause: number, error: unknown): void {
  if (pause === firstPauseMilliseconds) logger.warn({ path }, `a log cannot be sent on: ${messageOf(error)}`);
}

/** Over one connection, until all is sent and the log at rest. @throws when the connection is lost */
async function ship(
  options: ShipperOptions,
  remote: LogRemote,
  bell: Bell,
  closing: AbortSignal,
): Promise<void> {
  const { path, placePath, isAtRest } = options;
  const cursor = createCursor(path, readPlace(placePath));
  const sent: { place: LogPlace; at: number }[] = [];
  let lost: Error | undefined;
  remote.onLost((error) => {
    lost = error;
    bell.ring();
  });
  /** @param before only what was sent by then */
  const settle = (before: number) => {
    const last = sent.findLastIndex(({ at }) => at <= before);
    const [settled] = sent.splice(0, last + 1).slice(-1);
    if (settled) writePlace(placePath, settled.place);
  };
  try {
    while (!closing.aborted) {
      if (lost) throw lost;
      // Asked before the log is read: what is written later rings the bell.
      const isLast = isAtRest();
      const block = await cursor.next();
      if (block) {
        await remote.send(block.entries);
        sent.push({ place: block.place, at: performance.now() });
      } else if (isLast) {
        await remote.end();
        return settle(Number.POSITIVE_INFINITY);
      } else await bell.wait(sent.length > 0 ? settleMilliseconds : undefined);
      settle(performance.now() - settleMilliseconds);
    }
  } finally {
    await cursor.close();
  }
}
