import { hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { findIptables, type IptablesProgram, runIptables } from "../sys/iptables.ts";
import { createQueue } from "../sys/queue.ts";
import type { Bridge } from "./bridge.ts";
import { createFirewalld } from "./firewalld.ts";
import type { Kernel } from "./kernel.ts";

/**
 * Another program's packet filter (Docker, ufw) that drops what is forwarded by default. A drop there wins over an accept in
 * our table, so the traffic of our bridges is accepted there too. What comes to them, our table has let in. What leaves them is
 * accepted only after all other rules there: these say who may reach the other program's own containers and machines.
 */
export interface ForeignFirewall {
  /** Makes our rules there exactly those of these bridges. Logs what it cannot do, and throws nothing. */
  accept(bridges: readonly Bridge[]): Promise<void>;
  /** firewalld has forgotten what it was asked for. */
  forget(): void;
}

/** Docker's chain for rules that go before its own. */
const userChain = "DOCKER-USER";
/** Docker's chain that drops what goes to one of its bridges. Its newer versions drop that elsewhere as well. */
const isolationChain = "DOCKER-ISOLATION-STAGE-2";
/** A rule that ends the chain for every packet. */
const endPattern = /^-A FORWARD -j (DROP|REJECT)\b/;

interface Rules {
  chain: string;
  /** Before all others of their chain. */
  first: string[];
  /** After all others, in this order. */
  last: string[];
}

/** @param mark the comment our rules bear; one per engine on a machine */
export function createForeignFirewall(mark: string, kernel: Kernel, logger: Logger): ForeignFirewall {
  const firewalld = createFirewalld(kernel, logger);
  const inTurn = createQueue();
  /** Where there may be rules of ours: a daemon before this one may have left some. */
  const mayHaveRules = new Map<IptablesProgram, boolean>();
  let mayHaveIpv6 = true;
  const isMarked = (line: string) => line.includes(` --comment ${mark} `);
  const formatRule = (chain: string, side: "-i" | "-o", link: string, target = "ACCEPT") =>
    `-A ${chain} ${side} ${link} -m comment --comment ${mark} -j ${target}`;

  function findRules(lines: string[], bridges: readonly Bridge[]): Rules {
    const chain = lines.includes(`-N ${userChain}`) ? userChain : "FORWARD";
    if (chain === "FORWARD" && !lines.includes("-P FORWARD DROP")) return { chain, first: [], last: [] };
    const targets = lines.includes(`-N ${isolationChain}`) ? [isolationChain, "ACCEPT"] : ["ACCEPT"];
    return {
      chain,
      first: bridges.map(({ link }) => formatRule(chain, "-o", link)),
      last: bridges.flatMap(({ link }) => targets.map((target) => formatRule("FORWARD", "-i", link, target))),
    };
  }

  async function adapt(program: IptablesProgram, bridges: readonly Bridge[]): Promise<void> {
    const lines = (await runIptables(program, ["-S"])).split("\n");
    const present = lines.filter((line) => line.startsWith("-A ") && isMarked(line));
    const { chain, first, last } = findRules(lines, bridges);
    const presentLast = present.filter((rule) => !first.includes(rule));
    const isLastRight = JSON.stringify(presentLast) === JSON.stringify(last);
    if (!isLastRight)
      for (const rule of presentLast) await runIptables(program, ["-D", ...rule.split(" ").slice(1)]);
    const missing = first.filter((rule) => !present.includes(rule));
    for (const rule of missing) await runIptables(program, ["-I", ...rule.split(" ").slice(1)]);
    if (!isLastRight) await append(program, last);
    mayHaveRules.set(program, first.length + last.length > 0);
    if (missing.length > 0)
      logger.info({ program, chain }, "accepted our bridges in a firewall that drops forwarded packets");
  }

  /** Whether rules of ours are called for there. To run the program takes ten times as long as to ask the kernel. */
  async function isStrict(program: IptablesProgram): Promise<boolean> {
    if (program.endsWith("-legacy")) return true;
    const family = program.startsWith("ip6") ? "ip6" : "ip";
    return (await kernel.listChains()).some(
      (chain) =>
        chain.family === family &&
        chain.table === "filter" &&
        (chain.name === userChain || (chain.name === "FORWARD" && chain.dropsTheRest)),
    );
  }

  async function acceptIn(family: 4 | 6, bridges: readonly Bridge[]): Promise<void> {
    for (const program of findIptables(family)) {
      try {
        if (mayHaveRules.get(program) === false && !(await isStrict(program))) continue;
        await adapt(program, bridges);
      } catch (error) {
        if (hasCode(error, "ENOENT")) continue;
        logger.warn({ program, reason: messageOf(error) }, "another firewall may drop our bridges' packets");
      }
    }
  }

  return {
    accept: (bridges) =>
      inTurn(async () => {
        const withIpv6 = bridges.filter(({ homes }) =>
          homes.some(({ subnet }) => subnet.address.family === 6),
        );
        await acceptIn(4, bridges);
        if (mayHaveIpv6 || withIpv6.length > 0) await acceptIn(6, withIpv6);
        mayHaveIpv6 = withIpv6.length > 0;
        await firewalld.accept(bridges.map(({ link }) => link));
      }),
    // What is just being asked for may be forgotten as well.
    forget: () => void inTurn(async () => firewalld.forget()),
  };
}

/** At the end of FORWARD, but before a rule that lets nothing pass. */
async function append(program: IptablesProgram, rules: string[]): Promise<void> {
  if (rules.length === 0) return;
  const lines = (await runIptables(program, ["-S", "FORWARD"])).split("\n");
  const end = lines.filter((line) => line.startsWith("-A ")).findIndex((line) => endPattern.test(line));
  for (const [index, rule] of rules.entries()) {
    const [, chain = "", ...words] = rule.split(" ");
    const place = end < 0 ? ["-A", chain] : ["-I", chain, String(end + 1 + index)];
    await runIptables(program, [...place, ...words]);
  }
}
