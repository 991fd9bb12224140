import { hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { changeIptables, findIptables, type IptablesProgram, runIptables } from "../sys/iptables.ts";
import { createQueue } from "../sys/queue.ts";
import type { Bridge } from "./bridge.ts";
import { createFirewalld } from "./firewalld.ts";
import type { Kernel } from "./kernel.ts";

/**
 * Another program's packet filter (Docker, ufw, iptables-services) that drops what is forwarded by default. A drop there wins over
 * an accept in our table, so the traffic of our bridges is accepted there too. What comes to them, our table has let in. What leaves
 * them is accepted only after all other rules there: these say who may reach the other program's own containers and machines.
 */
export interface ForeignFirewall {
  /** Makes our rules there exactly those of these bridges. Logs what it cannot do, and throws nothing. */
  accept(bridges: readonly Bridge[]): Promise<void>;
  /** firewalld has forgotten what it was asked for. */
  forget(): void;
}

/** Docker's chain for rules that go before its own. */
export const userChain = "DOCKER-USER";
/** Docker's chain that drops what goes to one of its bridges. Its newer versions drop that elsewhere as well. */
const isolationChain = "DOCKER-ISOLATION-STAGE-2";
/** A rule that ends the chain for every packet. With a policy of ACCEPT, many distributions drop by it. */
const endPattern = /^-A FORWARD -j (DROP|REJECT)\b/;
const linkPattern = /^-A FORWARD -i (\S+) /;
/** Of one change. */
const mostTries = 3;

/** What is to be in the filter table of one program. */
interface Rules {
  /** The chain of `first`. */
  chain: string;
  /** Before all others of their chain. */
  first: string[];
  /** For each bridge, after all others of FORWARD, in this order. */
  last: string[][];
}

/** @param mark the comment our rules bear; one per engine on a machine */
export function createForeignFirewall(mark: string, kernel: Kernel, logger: Logger): ForeignFirewall {
  const firewalld = createFirewalld(kernel, logger);
  const inTurn = createQueue();
  /** Where there may be rules of ours: a daemon before this one may have left some. */
  const mayHaveRules = new Map<IptablesProgram, boolean>();
  let mayHaveIpv6 = true;

  async function adapt(program: IptablesProgram, bridges: readonly Bridge[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      const lines = (await runIptables(program, ["-S"])).split("\n");
      const rules = findRules(lines, bridges, mark);
      const { changes, isNew } = findChanges(lines, rules, mark);
      try {
        if (changes.length > 0) await changeIptables(program, changes);
      } catch (error) {
        // Another program may have changed the same chain meanwhile.
        if (tries === mostTries) throw error;
        continue;
      }
      mayHaveRules.set(program, rules.first.length > 0);
      const details = { program, chain: rules.chain };
      if (isNew) logger.info(details, "accepted our bridges in a firewall that drops forwarded packets");
      return;
    }
  }

  /** Whether rules of ours are called for there. To run the program takes ten times as long as to ask the kernel. */
  async function isStrict(program: IptablesProgram): Promise<boolean> {
    if (program.endsWith("-legacy")) return true;
    const family = program.startsWith("ip6") ? "ip6" : "ip";
    return (await kernel.listChains()).some(
      (chain) =>
        chain.family === family &&
        chain.table === "filter" &&
        (chain.name === userChain || (chain.name === "FORWARD" && (chain.dropsTheRest || chain.hasRules))),
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

function findRules(lines: readonly string[], bridges: readonly Bridge[], mark: string): Rules {
  const chain = lines.includes(`-N ${userChain}`) ? userChain : "FORWARD";
  const dropsTheRest = lines.includes("-P FORWARD DROP") || lines.some((line) => endPattern.test(line));
  if (chain === "FORWARD" && !dropsTheRest) return { chain, first: [], last: [] };
  const format = (to: string, side: "-i" | "-o", link: string, target: string) =>
    `-A ${to} ${side} ${link} -m comment --comment ${mark} -j ${target}`;
  const targets = lines.includes(`-N ${isolationChain}`) ? [isolationChain, "ACCEPT"] : ["ACCEPT"];
  return {
    chain,
    first: bridges.map(({ link }) => format(chain, "-o", link, "ACCEPT")),
    last: bridges.map(({ link }) => targets.map((target) => format("FORWARD", "-i", link, target))),
  };
}

/**
 * What makes our rules exactly these, as lines for `iptables-restore`. Rules of bridges that stay are left where they are, unless
 * another program has put a rule for their packets behind them.
 * @param lines all rules that there are
 */
function findChanges(
  lines: readonly string[],
  { first, last }: Rules,
  mark: string,
): { changes: string[]; isNew: boolean } {
  const isOurs = (line: string) => line.includes(` --comment ${mark} `);
  const ours = lines.filter((line) => line.startsWith("-A ") && isOurs(line));
  const forward = lines.filter((line) => line.startsWith("-A FORWARD "));
  const passed = forward.slice(0, findEnd(forward));
  const links = new Set(last.map(([rule = ""]) => linkPattern.exec(rule)?.[1]));
  const matters = (line: string) => {
    const link = linkPattern.exec(line)?.[1];
    const isOfAnother = link !== undefined && !link.endsWith("+") && !links.has(link);
    return !isOurs(line) && !isOfAnother && !line.endsWith(" -j ACCEPT");
  };
  const tail = passed.slice(passed.findLastIndex(matters) + 1);
  const isRight = (rules: readonly string[]) => {
    const places = rules.map((rule) => tail.indexOf(rule));
    const isSorted = places.every((place, index) => place > (places[index - 1] ?? -1));
    return isSorted && ours.filter((line) => rules.includes(line)).length === rules.length;
  };
  const kept = new Set([...first, ...last.filter(isRight).flat()]);
  const stale = ours.filter((rule) => !kept.has(rule));
  const come = last.flat().filter((rule) => !kept.has(rule));
  const missing = first.filter((rule) => !ours.includes(rule));
  const end = findEnd(forward.filter((rule) => !stale.includes(rule)));
  const at = (index: number) => (end === undefined ? "-A FORWARD" : `-I FORWARD ${end + 1 + index}`);
  return {
    changes: [
      ...stale.map((rule) => rule.replace("-A", "-D")),
      ...come.map((rule, index) => rule.replace("-A FORWARD", at(index))),
      ...missing.map((rule) => rule.replace("-A", "-I")),
    ],
    isNew: missing.length > 0,
  };
}

/** Which of FORWARD's rules lets nothing pass. */
function findEnd(forward: readonly string[]): number | undefined {
  const end = forward.findIndex((line) => endPattern.test(line));
  return end < 0 ? undefined : end;
}
