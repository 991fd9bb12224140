import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { berth } from "./berth.ts";
import { type BenchEngine, docker, runCommand } from "./engine.ts";
import { alternate, type Bench } from "./measure.ts";

/** Archives of the images that all engines get, made by berth once. */
export interface Archives {
  busybox: string;
  debian: string;
}

/** @param folder where archives of an earlier run are found again */
export async function makeArchives(maker: BenchEngine, bundle: string, folder: string): Promise<Archives> {
  mkdirSync(folder, { recursive: true });
  const make = async (name: string, add: (path: string) => Promise<unknown>) => {
    const path = join(folder, `${name}.tar`);
    if (existsSync(path)) return path;
    await add(path);
    await docker(maker, ["save", "-o", `${path}.new`, name]);
    await docker(maker, ["rmi", name]);
    renameSync(`${path}.new`, path);
    return path;
  };
  return {
    busybox: await make("busybox", () => berth(maker, bundle, ["image", "make", "busybox"])),
    debian: await make("debian", async (path) => {
      // The engines have no network to fetch packages through.
      await runCommand("mmdebstrap", ["--variant=minbase", "--format=tar", "bookworm", `${path}.rootfs`], {
        timeoutSeconds: 300,
      });
      await docker(maker, ["import", `${path}.rootfs`, "debian"]);
      rmSync(`${path}.rootfs`);
    }),
  };
}

/** Taking in a big image from an archive. */
export const benchImages =
  ({ debian }: Archives): Bench =>
  async (engines) => {
    const sizeMegabytes = Math.round(statSync(debian).size / 1e6);
    return [
      await alternate(engines, {
        name: `\`load\` of a Debian image of ${sizeMegabytes} MB`,
        samples: 3,
        work: (engine) => docker(engine, ["load", "-q", "-i", debian]),
        after: (engine) => docker(engine, ["rmi", "-f", "debian"]),
      }),
    ];
  };
