import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { conflict, hasCode, internal, invalid, messageOf } from "../errors.ts";
import { cgroupFolder } from "../sys/cgroup.ts";
import type { Container } from "./container.ts";
import { type Containers, publish } from "./containers.ts";
import { cgroupOf } from "./runtime-files.ts";

export interface TopResult {
  Titles: string[];
  Processes: string[][];
}

/**
 * The processes of a container as the host's `ps` shows them.
 * @param arguments as for ps; its output must have a column PID
 */
export async function listProcesses(
  containers: Containers,
  container: Container,
  psArguments: string,
): Promise<TopResult> {
  const { state, id } = container.record;
  if (!state.Running || state.Restarting) throw conflict(`container ${id} is not running`);
  const words = (psArguments || "-ef").split(/\s+/).filter((word) => word !== "");
  if (words.some((word) => /[^\w,=:.%+-]/.test(word))) throw invalid(`invalid ps arguments: ${psArguments}`);
  const pids = new Set(processIds(cgroupFolder(cgroupOf(containers, container), "pids")));
  // It has just ended.
  if (pids.size === 0) throw conflict(`container ${id} is not running`);
  const output = await runPs(words);
  publish(containers, container, "top");
  return selectProcesses(output, pids);
}

/** All processes of a cgroup and those below it, as the host numbers them. Of one that is gone, or has threads alone, none. */
export function processIds(folder: string): number[] {
  const own = listing(() => readFileSync(join(folder, "cgroup.procs"), "latin1").split("\n"));
  const below = listing(() => readdirSync(folder, { withFileTypes: true })).filter((entry) =>
    entry.isDirectory(),
  );
  return [...own.filter(Boolean).map(Number), ...below.flatMap(({ name }) => processIds(join(folder, name)))];
}

/** Cgroups below a container's come and go as its programs like. */
function listing<T>(list: () => T[]): T[] {
  try {
    return list();
  } catch (error) {
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].some((code) => hasCode(error, code))) return [];
    throw error;
  }
}

async function runPs(words: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("ps", words, { maxBuffer: 64 << 20 });
    return stdout;
  } catch (error) {
    const text = messageOf(error);
    if (text.includes("ENOENT")) throw internal("ps is missing: install the package procps");
    throw invalid(`ps: ${text.split("\n").at(1) ?? text}`, error);
  }
}

/** Exported for its test: the rows of ps output whose PID is wanted, cut into as many columns as there are titles. */
export function selectProcesses(output: string, pids: Set<number>): TopResult {
  const [header = "", ...rows] = output.trimEnd().split("\n");
  const Titles = header.trim().split(/\s+/);
  const pidColumn = Titles.indexOf("PID");
  if (pidColumn < 0) throw internal("Couldn't find PID field in ps output");
  const Processes = rows
    .map((row) => splitColumns(row, Titles.length))
    .filter((columns) => pids.has(Number(columns[pidColumn])));
  return { Titles, Processes };
}

/** The last column takes the rest, blanks and all. */
function splitColumns(row: string, count: number): string[] {
  const words = row.trim().split(/\s+/);
  if (words.length <= count) return words;
  return [...words.slice(0, count - 1), words.slice(count - 1).join(" ")];
}
