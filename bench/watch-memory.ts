import type { BenchEngine } from "./engine.ts";
import { memoryBytes } from "./processes.ts";
import type { Row } from "./results.ts";

const intervalMilliseconds = 250;

/** Does the work, and notes in `peak`, in megabytes, by how much the engine's memory has been above that before, if it is more than noted. */
export async function watchMemory(
  engine: BenchEngine,
  peak: Row,
  work: () => Promise<unknown>,
): Promise<void> {
  const before = memoryBytes(engine.initPid);
  const watch = setInterval(() => {
    const grown = (memoryBytes(engine.initPid) - before) / 1e6;
    peak.values[engine.name] = Math.max(peak.values[engine.name] ?? 0, grown);
  }, intervalMilliseconds);
  await work().finally(() => clearInterval(watch));
}
