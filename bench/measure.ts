import { setTimeout } from "node:timers/promises";
import { type BenchEngine, runCommand } from "./engine.ts";
import type { Row } from "./results.ts";

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const begun = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - begun) / 1e6;
}

export interface Measured<S> {
  name: string;
  samples: number;
  /** Not counted: before each sample. */
  before?: (subject: S, sample: number) => Promise<unknown>;
  work: (subject: S, sample: number) => Promise<unknown>;
  /** Not counted: after each sample. */
  after?: (subject: S, sample: number) => Promise<unknown>;
}

/** An engine may go on after its answer, and the kernel with what it wrote; the next one's sample is not to pay for that. */
const settleMilliseconds = 150;
async function settle(): Promise<void> {
  await runCommand("sync", []);
  await setTimeout(settleMilliseconds);
}

/**
 * Measures the same work on each subject in turn, one sample of each at a time, so that what else the machine does hits all alike. Every
 * other time the order is reversed, since each has the machine as the one before it left it.
 */
export async function alternate<S extends { name: string }>(
  subjects: S[],
  { name, samples, before, work, after }: Measured<S>,
): Promise<Row> {
  const taken = new Map(subjects.map((subject) => [subject.name, [] as number[]]));
  for (let sample = 0; sample < samples; sample++) {
    for (const subject of sample % 2 === 0 ? subjects : subjects.toReversed()) {
      await before?.(subject, sample);
      await settle();
      taken.get(subject.name)?.push(await milliseconds(() => work(subject, sample)));
      await after?.(subject, sample);
    }
  }
  const values = Object.fromEntries([...taken].map(([key, list]) => [key, median(list)]));
  return { name, unit: "ms", samples, values };
}

/** Runs `work` for each of `count` numbers, `atOnce` of them at the same time. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

export type Bench = (engines: BenchEngine[]) => Promise<Row[]>;
