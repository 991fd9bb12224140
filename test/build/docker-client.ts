import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { TestEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";
import { writeFiles } from "./context-folder.ts";

/** The newest stock command line that there is. */
export const newestDocker = stockDockers.at(-1) ?? "docker";

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** A stock command line that builds with the engine, and a folder for its contexts. */
export function useDocker(engine: TestEngine, program = newestDocker) {
  const folder = mkdtempSync(join(tmpdir(), "berth-build-"));
  after(() => rmSync(folder, { recursive: true }));

  function runWith(given: Record<string, string>, ...words: string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const env = { ...process.env, DOCKER_HOST: engine.host, ...given };
      execFile(program, words, { env, timeout: 120_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr }),
      );
    });
  }

  return {
    folder,
    /** Writes files of a context, by path. @returns its folder */
    context: (name: string, files: Record<string, string>) => writeFiles(join(folder, name), files),
    runWith,
    run: (...words: string[]) => runWith({}, ...words),
  };
}
