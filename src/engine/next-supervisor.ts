import type { Logger } from "../logger.ts";
import { type Supervisor, upcoming } from "../supervisor-client/client.ts";

const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;

/** What has a supervisor, until it is closed. */
interface Holder {
  supervisor: Supervisor;
  closing: boolean;
}

/**
 * Gives the holder a supervisor in place of one that was lost, however often that fails: without one nothing can be started or
 * stopped. What is asked during an attempt waits for its outcome.
 * @returns undefined when the holder is closed before
 */
export async function nextSupervisor(
  connect: () => Promise<Supervisor>,
  holder: Holder,
  logger: Logger,
): Promise<Supervisor | undefined> {
  for (let pause = firstPauseMilliseconds; !holder.closing; ) {
    const connecting = connect();
    holder.supervisor = upcoming(connecting);
    try {
      holder.supervisor = await connecting;
      return holder.supervisor;
    } catch (error) {
      logger.error({ error, pause }, "no supervisor could be started; it is tried again");
    }
    await new Promise((resolve) => setTimeout(resolve, pause).unref());
    pause = Math.min(2 * pause, longestPauseMilliseconds);
  }
  return undefined;
}
