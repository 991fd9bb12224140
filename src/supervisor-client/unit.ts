import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../errors.ts";

/** The systemd unit that a supervisor is to run in. */
export interface SupervisorUnit {
  name: string;
  /** Told when systemd does not bring it up. */
  warn(text: string): void;
}

/** While one starts there is nothing to ask, and to ask costs a slow machine what the start needs. */
const firstPauseMilliseconds = 250;
const longestPauseMilliseconds = 4000;
/** A job that stops the unit may still be under way: then systemd refuses for a moment. */
const mostRefusals = 10;
const longestMilliseconds = 120_000;

/**
 * Has systemd start the unit. Systemd may not have noticed yet that the supervisor before has ended, and then has nothing to do: call
 * it until a supervisor answers.
 * @returns what does that: false once there is no hope left
 */
export function createUnitStarter({ name, warn }: SupervisorUnit): () => Promise<boolean> {
  const since = performance.now();
  let askedAt = Number.NEGATIVE_INFINITY;
  let pause = firstPauseMilliseconds;
  let refusals = 0;
  let hasGivenUp = false;

  function giveUp(reason: string): false {
    hasGivenUp = true;
    warn(
      `systemd did not start ${name} (${reason}): the engine starts a supervisor in its own control group; see systemctl status ${name}`,
    );
    return false;
  }

  return async () => {
    if (hasGivenUp) return false;
    if (performance.now() - askedAt < pause) return true;
    if (performance.now() - since > longestMilliseconds) return giveUp("no supervisor answers");
    // A stop that is under way is not cancelled: it ends first.
    const words = ["start", "--job-mode=fail", "--no-ask-password", name];
    try {
      await promisify(execFile)("systemctl", words, { timeout: longestMilliseconds, killSignal: "SIGKILL" });
      if (refusals === 0 && askedAt > 0) pause = Math.min(pause * 2, longestPauseMilliseconds);
      refusals = 0;
    } catch (error) {
      refusals++;
      if (refusals > mostRefusals) return giveUp(reasonOf(error));
    }
    askedAt = performance.now();
    return true;
  };
}

function reasonOf(error: unknown): string {
  const said = (error as { stderr?: string }).stderr?.trim().split("\n").at(-1);
  return said || messageOf(error);
}
