import { existsSync, globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { collectOutcome, describeOutcome, type Outcome } from "./summary.ts";
import { secondsOfFile } from "./test-time.ts";

// Runs the test files that the patterns name, one more at a time than there are processors, since some wait. A few that fail are run
// once more, alone: that tells a fault from a wait that was too short for a busy machine. Says in a few lines at the end what failed,
// also where it passed alone, and what took long.

/** More than these are no accident. */
const mostRunAgain = 5;

/** Those that take longest come first, so that none runs alone at the end: the summary shows which they are. */
const long = [
  "test/kernel/torture.test.ts",
  "test/kernel/servers.test.ts",
  "test/compat/registries.test.ts",
  "test/compat/lifecycle.test.ts",
  "test/kernel/escapes.test.ts",
  "test/kernel/isolation.test.ts",
  "test/fuzz/systems.test.ts",
  "test/kernel/load-balancer.test.ts",
  "test/cli/context.test.ts",
  "test/kernel/connections.test.ts",
  "test/kernel/archive-streams.test.ts",
  "test/kernel/deep-trees.test.ts",
  "test/compat/compose.test.ts",
  "test/compat/application.test.ts",
  "test/build/buildx.test.ts",
  "test/cli/main.test.ts",
  "test/guides/typed-containers.test.ts",
  "test/guides/typed-images.test.ts",
];

const root = join(import.meta.dirname, "..");
const missing = long.filter((file) => !existsSync(join(root, file)));
if (missing.length > 0) throw new Error(`no such test: ${missing.join(", ")}`);

const given = process.argv.slice(2);
const patterns = given.length > 0 ? given : ["test/**/*.test.ts"];
const matches = patterns.map((pattern) => globSync(pattern).map((file) => relative(root, resolve(file))));
const unknown = patterns.filter((_, index) => matches[index]?.length === 0);
if (unknown.length > 0) throw new Error(`no test file is called ${unknown.join(" or ")}`);
const found = [...new Set(matches.flat())];
const files = [
  ...long.filter((file) => found.includes(file)),
  ...found.filter((file) => !long.includes(file)).sort(),
];

// What the many processes of the tests compile is kept from one to the next.
process.env.NODE_COMPILE_CACHE ??= join(root, ".tools/cache");

async function runFiles(names: readonly string[], concurrency: number): Promise<Outcome> {
  const events = run({
    files: names.map((file) => join(root, file)),
    cwd: root,
    concurrency,
    timeout: secondsOfFile * 1000,
    execArgv: ["--import", join(import.meta.dirname, "end-late.ts")],
  });
  const outcome = collectOutcome(events, root, names);
  for await (const text of events.compose(spec)) process.stdout.write(text);
  return outcome;
}

const first = await runFiles(files, availableParallelism() + 1);
const failed = files.filter((file) => first.failedFiles.has(file));
const isRunAgain = first.isWhole && failed.length > 0 && failed.length <= mostRunAgain && files.length > 1;
const second = isRunAgain ? await runFiles(failed, 1) : undefined;
process.stdout.write(describeOutcome(first, second));
if (!(second ?? first).isGood) process.exitCode = 1;
