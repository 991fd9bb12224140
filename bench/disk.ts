import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BenchEngine, docker, runCommand } from "./engine.ts";
import type { Archives } from "./images.ts";
import type { Bench } from "./measure.ts";
import type { Row } from "./results.ts";

const committedMegabytes = 100;

/** How much of the disk an image takes that was loaded, imported or committed. */
export const benchDisk =
  ({ debian }: Archives, folder: string): Bench =>
  async (engines) => {
    const row = (what: string): Row => ({ name: `disk for ${what}`, unit: "MB", samples: 1, values: {} });
    const loaded = row("a loaded Debian image");
    const imported = row("its files, imported");
    const committed = row(`a commit of ${committedMegabytes} MB`);
    const rootfs = join(folder, "rootfs.tar");
    for (const engine of engines) {
      loaded.values[engine.name] = await grown(engine, () => docker(engine, ["load", "-q", "-i", debian]));
      await docker(engine, ["create", "--name", "maker", "debian", "true"]);
      await docker(engine, ["export", "-o", rootfs, "maker"]);
      await docker(engine, ["rm", "maker"]);
      imported.values[engine.name] = await grown(engine, () =>
        docker(engine, ["import", rootfs, "imported"]),
      );
      rmSync(rootfs);
      // What one has written, without what it takes itself.
      const script = `head -c ${committedMegabytes}000000 /dev/urandom >/big; cp -a /usr/share /copy`;
      await docker(engine, ["run", "--name", "maker", "debian", "sh", "-c", script]);
      committed.values[engine.name] = await grown(engine, () =>
        docker(engine, ["commit", "maker", "committed"]),
      );
      await docker(engine, ["rm", "maker"]);
      await docker(engine, ["rmi", "debian", "imported", "committed"]);
    }
    return [loaded, imported, committed];
  };

async function grown(engine: BenchEngine, work: () => Promise<unknown>): Promise<number> {
  const before = await dataBytes(engine);
  await work();
  return ((await dataBytes(engine)) - before) / 1e6;
}

/** What the data root takes, as `du` counts; an engine may go on tidying up after its answer. */
export async function dataBytes({ log }: BenchEngine): Promise<number> {
  let last = Number.NaN;
  for (;;) {
    await runCommand("sync", []);
    const words = await runCommand("du", ["-s", "--block-size=1", join(dirname(log), "data")]);
    const bytes = Number(words.split("\t")[0]);
    if (bytes === last) return bytes;
    last = bytes;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
