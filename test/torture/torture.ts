import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { createClient } from "../../src/client/client.ts";
import { eventually, relaysOf, resolversOf, supervisorOf, type TestEngine } from "../engine.ts";
import { createRandom, type Random } from "../random.ts";
import { type Facts, noFacts } from "./facts.ts";
import { type Lane, type Operation, operations } from "./operations.ts";
import { resolveDoubts, verifyFacts } from "./verify.ts";

export interface TortureOptions {
  kills: number;
  seed: number;
  report(line: string): void;
}

/** "helpers" are resolver and relay. */
type Victim = "daemon" | "supervisor" | "both" | "daemon, twice" | "helpers" | "helpers and daemon";

/** Weights by repetition. */
const victims: Victim[] = [
  "daemon",
  "daemon",
  "daemon",
  "daemon, twice",
  "supervisor",
  "both",
  ...(["helpers", "helpers and daemon"] as const),
];
const laneCount = 3;
const longestWorkMilliseconds = 500;

/**
 * Does random things to an engine with a busybox image, kills its daemon or supervisor at random moments, and after each
 * kill compares what was acknowledged with what is. What happens is decided by the seed; when exactly, by the machine.
 */
export async function torture(engine: TestEngine, { kills, seed, report }: TortureOptions): Promise<void> {
  const client = await createClient({ host: engine.host });
  const random = createRandom(seed);
  const lanes = Array.from({ length: laneCount }, (_, n) => {
    // Letters that no id has: the name of a container that is gone could be the beginning of another's id.
    return { client, random: createRandom(seed * 31 + n), facts: noFacts("xyz".charAt(n)) };
  });
  const counts = new Map<string, number>();
  for (let kill = 1; kill <= kills; kill++) {
    const shift = startShift(lanes, counts);
    await setTimeout(random.between(0, longestWorkMilliseconds));
    const victim = random.pick(victims);
    shift.disturb();
    try {
      await strike(engine, victim, random);
      await shift.end();
      await checkAfter(lanes, victim);
    } catch (error) {
      throw new Error(`after kill ${kill} (${victim}), seed ${seed}`, { cause: error });
    }
    if (kill % 25 === 0) report(`${kill} of ${kills} kills; acknowledged: ${formatCounts(counts)}`);
  }
  for (const { facts } of lanes) {
    doubtEverything(facts);
    await resolveDoubts(client, facts);
  }
}

function doubtEverything({ containers, images, volumes, networks, doubts }: Facts): void {
  for (const name of containers.keys()) doubts.add(`container ${name}`);
  for (const name of images.keys()) doubts.add(`image ${name}`);
  for (const name of volumes.keys()) doubts.add(`volume ${name}`);
  for (const name of networks.keys()) doubts.add(`network ${name}`);
}

/** The lanes at work until `end`. Before a kill nothing may fail; what is under way at one may. */
function startShift(lanes: Lane[], counts: Map<string, number>) {
  let isOver = false;
  let isDisturbed = false;
  const underWay = new Set<string>();
  const work = async (lane: Lane) => {
    while (!isOver) {
      const [operation, name] = choose(lane);
      const label = `${operation.name} ${name}`;
      underWay.add(label);
      try {
        await operation.run(lane, name);
        counts.set(operation.name, (counts.get(operation.name) ?? 0) + 1);
      } catch (error) {
        if (!isDisturbed) throw new Error(`${label} failed`, { cause: error });
        return;
      } finally {
        underWay.delete(label);
      }
      lane.facts.atKill = isDisturbed ? name : undefined;
      if (isDisturbed) return;
    }
  };
  const done = Promise.all(lanes.map(work));
  done.catch(() => {});
  return {
    disturb() {
      isDisturbed = true;
    },
    async end() {
      isOver = true;
      const late = setTimeout(60_000, "late", { ref: false });
      const isLate = (await Promise.race([done, late])) === "late";
      assert.ok(!isLate, `these hang: ${[...underWay].join("; ")}`);
    },
  };
}

function choose({ random, facts }: Lane): [Operation, string] {
  for (;;) {
    const operation = random.pick(operations);
    const candidates = operation.candidates(facts).filter((name) => !isDoubtful(facts, name));
    if (candidates.length > 0) return [operation, random.pick(candidates)];
  }
}

const isDoubtful = (facts: Facts, name: string) =>
  ["container", "image", "volume", "network"].some((kind) => facts.doubts.has(`${kind} ${name}`));

async function strike(engine: TestEngine, victim: Victim, random: Random): Promise<void> {
  if (victim === "helpers" || victim === "helpers and daemon")
    for (const pid of [...resolversOf(engine), ...relaysOf(engine)]) process.kill(pid, "SIGKILL");
  if (victim === "supervisor" || victim === "both") process.kill(supervisorOf(engine), "SIGKILL");
  if (victim === "helpers" || victim === "supervisor") return;
  if (victim === "daemon, twice") await engine.crashAtStart(random.between(0, 300));
  await engine.restart("SIGKILL");
}

async function checkAfter(lanes: Lane[], victim: Victim): Promise<void> {
  const { client } = lanes[0] as Lane;
  for (const { facts } of lanes) {
    if (victim === "supervisor" || victim === "both") loseSupervisor(facts);
    if (victim === "both") expectHangups(facts);
  }
  const check = () =>
    client.check().catch((error: unknown) => {
      if (/supervisor/.test(String(error))) return [error];
      throw error;
    });
  await eventually(check, (findings) => findings.length === 0, 10);
  for (const { facts } of lanes) await verifyFacts(client, facts);
  for (const { facts } of lanes) await resolveDoubts(client, facts);
}

function loseSupervisor(facts: Facts): void {
  facts.lostSupervisor = true;
  for (const [name, fact] of facts.containers)
    if (fact.output === "counter" || name === facts.atKill) fact.mayHaveGaps = true;
}

/** With both gone at once, nobody may have the master of a terminal or the writing end of an input any more. */
function expectHangups({ containers, doubts }: Facts): void {
  for (const [name, { isTerminal, output }] of containers) {
    if (isTerminal || output === "echo") doubts.add(`container ${name}`);
  }
}

const formatCounts = (counts: Map<string, number>) =>
  [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
