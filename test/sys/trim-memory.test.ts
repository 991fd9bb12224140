import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import test from "node:test";
import { setImmediate } from "node:timers/promises";
import { findCollector } from "../../src/sys/trim-memory.ts";
import { eventually } from "../engine.ts";

const importIt = `import { trimMemoryAtRest } from ${JSON.stringify(new URL("../../src/sys/trim-memory.ts", import.meta.url).href)};`;

/** Frees a hundred megabytes between blocks that stay, which the allocator keeps; says so, and rests. */
const program = `
  ${importIt}
  trimMemoryAtRest();
  const kept = [];
  let freed = [];
  for (let count = 0; count < 1000; count++) {
    freed.push(Buffer.allocUnsafeSlow(100_000).fill(1));
    kept.push(Buffer.allocUnsafeSlow(2000).fill(1));
  }
  freed = undefined;
  gc();
  for (const begun = process.cpuUsage(); process.cpuUsage(begun).user < 1_000_000; );
  process.stdout.write("at rest");
  setInterval(() => kept.length, 60_000);
`;

test("memory that was freed goes back to the system when the work is over", async () => {
  const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const before = residentKilobytes(child.pid);
    await eventually(
      () => residentKilobytes(child.pid),
      (now) => now < before - 60_000,
      600,
    );
  } finally {
    child.kill("SIGKILL");
  }
});

function residentKilobytes(pid: number | undefined): number {
  const [, kilobytes = Number.NaN] =
    /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
  return Number(kilobytes);
}

test("garbage is collected when the work is over, and not before", async () => {
  const source = `
    ${importIt}
    let isWorking = true;
    trimMemoryAtRest(1000, () => process.stdout.write(isWorking ? "early" : "collected"));
    while (process.cpuUsage().user < 1_000_000);
    isWorking = false;
    setInterval(() => {}, 60_000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const said = await new Promise((resolve) => child.stdout.once("data", resolve));
    assert.equal(String(said), "collected");
  } finally {
    child.kill("SIGKILL");
  }
});

test("a collection takes what nothing holds any more", async () => {
  const gone = new WeakRef({ a: 1 });
  await setImmediate();
  findCollector()();
  assert.equal(gone.deref(), undefined);
});
