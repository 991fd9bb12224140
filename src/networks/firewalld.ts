import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Kernel } from "./kernel.ts";

/** firewalld refuses to forward what comes from a link that is in none of its zones. */
export interface Firewalld {
  /**
   * Has it trust these links, and no longer those that are gone; one that the administrator has put into a zone stays there. Does
   * nothing where it does not run. Throws nothing.
   */
  accept(links: readonly string[]): Promise<void>;
  /** It has started or read its rules again, and has forgotten what it was asked for. */
  forget(): void;
}

export const firewalldTable = "firewalld";

/** One of firewalld's own, from which everything is accepted. What goes to our bridges, our table has let in. */
const zone = "trusted";
/** Networks wait for it, and its daemon may not answer. */
const limits = { timeout: 10_000, killSignal: "SIGKILL" } as const;
const run = promisify(execFile);

export function createFirewalld(kernel: Kernel, logger: Logger): Firewalld {
  const trusted = new Set<string>();
  let hasForgotten = false;

  async function ask(verb: "add" | "remove", links: readonly string[]): Promise<void> {
    if (links.length === 0) return;
    const words = links.map((link) => `--${verb}-interface=${link}`);
    const { stderr } = await run("firewall-cmd", [`--zone=${zone}`, ...words], limits);
    if (stderr.includes("ZONE_CONFLICT"))
      logger.info({ answer: stderr.trim() }, "firewalld has some of our bridges in a zone of their own");
  }

  function complain(error: unknown): void {
    const reason = hasCode(error, "ENOENT") ? "firewall-cmd is not installed" : messageOf(error);
    logger.warn({ reason }, "firewalld may refuse our bridges' packets");
  }

  const isRunning = async () => (await kernel.listChains()).some(({ table }) => table === firewalldTable);

  return {
    async accept(links) {
      try {
        const come = hasForgotten ? links : links.filter((link) => !trusted.has(link));
        const gone = [...trusted].filter((link) => !links.includes(link));
        if (come.length + gone.length === 0 || !(await isRunning())) return;
        for (const link of gone) trusted.delete(link);
        await ask("remove", gone).catch(complain);
        for (const link of come) trusted.add(link);
        hasForgotten = true;
        await ask("add", come);
        hasForgotten = false;
      } catch (error) {
        complain(error);
      }
    },
    forget() {
      hasForgotten = true;
    },
  };
}
