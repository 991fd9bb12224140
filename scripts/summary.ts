import { relative } from "node:path";
import type { run } from "node:test";
import type { TestEvent } from "node:test/reporters";

const shownFiles = 10;

interface Counts {
  passed: number;
  failed: number;
  /** A test marked todo is one of them. */
  skipped: number;
}

/** What became of the test files of one run. */
export interface Outcome {
  /** Lines on what failed, where and why. */
  failures: string[];
  /** Files in which something failed, a suite's beginning or end too. */
  failedFiles: Set<string>;
  files: Map<string, Counts & { seconds: number }>;
  isGood: boolean;
  /** It was not cut off. */
  isWhole: boolean;
}

/** The outcome grows with the events; paths are below `root`. @param names of the files that are run */
export function collectOutcome(
  events: ReturnType<typeof run>,
  root: string,
  names: readonly string[],
): Outcome {
  const outcome: Outcome = {
    failures: [],
    failedFiles: new Set(),
    files: new Map(),
    isGood: false,
    isWhole: false,
  };
  events.on("test:fail", (failure) => {
    if (failure.todo !== undefined) return;
    outcome.failures.push(...describe(failure, root));
    // A test may be defined in a file that others share: then the summary of the file that failed counts.
    const path = failure.file === undefined ? "" : relative(root, failure.file);
    if (names.includes(path)) outcome.failedFiles.add(path);
  });
  events.on("test:summary", ({ file, counts, success, duration_ms: milliseconds }) => {
    if (file === undefined) {
      outcome.isGood = success;
      outcome.isWhole = true;
      return;
    }
    const { tests, passed, skipped, todo } = counts;
    const path = relative(root, file);
    outcome.files.set(path, {
      ...{ passed, failed: tests - passed - skipped - todo, skipped: skipped + todo },
      seconds: milliseconds / 1000,
    });
    if (!success) outcome.failedFiles.add(path);
  });
  return outcome;
}

/** The failures, the files that took longest, what passed only at the second run, and one line of counts. */
export function describeOutcome(first: Outcome, second?: Outcome): string {
  const last = second ?? first;
  const files = new Map([...withoutSummary(first), ...first.files, ...(second?.files ?? [])]);
  const recovered = [...first.failedFiles].filter((file) => second && !second.failedFiles.has(file));
  return [
    ...first.failures,
    describeTimes(first),
    ...recovered.map((file) => `failed beside other tests, and passed alone: ${file}`),
    ...(second?.failures ?? []),
    describeCounts([...files.values()], last),
    "",
  ].join("\n");
}

/** Files whose process ended before it said what became of its tests. */
function withoutSummary({ failedFiles, files }: Outcome): [string, Counts][] {
  const lost = [...failedFiles].filter((file) => !files.has(file));
  return lost.map((file) => [file, { passed: 0, failed: 1, skipped: 0 }]);
}

function describeCounts(files: readonly Counts[], { isWhole, isGood }: Outcome): string {
  if (!isWhole) return "the tests did not come to an end";
  const sum = (count: keyof Counts) => files.reduce((total, one) => total + one[count], 0);
  // What fails around the tests of a suite is none of them.
  const around = !isGood && sum("failed") === 0 ? ", and a suite failed at its beginning or end" : "";
  return `${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped${around}`;
}

type Failure = Extract<TestEvent, { type: "test:fail" }>["data"];

/** None for a suite of which only tests failed: they have lines of their own. */
function describe({ name, file, line, details }: Failure, root: string): string[] {
  const { failureType, cause } = details.error as Error & { failureType?: string };
  if (failureType === "subtestsFailed") return [];
  const place = file === undefined ? "" : `${relative(root, file)}:${line}: `;
  const reason = cause instanceof Error ? cause.message : String(cause ?? details.error.message);
  return [
    `failed: ${place}${name}`,
    ...reason
      .split("\n")
      .slice(0, 12)
      .map((text) => `  ${text}`),
  ];
}

function describeTimes({ files }: Outcome): string {
  const slowest = [...files].toSorted(([, one], [, other]) => other.seconds - one.seconds);
  const sum = slowest.reduce((total, [, { seconds }]) => total + seconds, 0);
  const list = slowest.slice(0, shownFiles).map(([file, { seconds }]) => `${file} ${seconds.toFixed(0)} s`);
  return `${files.size} files took ${sum.toFixed(0)} s together; the longest: ${list.join(", ")}`;
}
