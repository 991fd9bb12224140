import { relative } from "node:path";
import type { run } from "node:test";
import type { TestEvent } from "node:test/reporters";

const shownFiles = 10;

/** What failed, where and why, then the files that took longest, then one line of counts. A test marked todo counts as skipped. */
export function collectSummary(events: ReturnType<typeof run>, root: string) {
  const failures: string[] = [];
  const files: { file: string; seconds: number }[] = [];
  let isGood = false;
  let total = "the tests did not come to an end";
  events.on("test:fail", (failure) => {
    if (failure.todo === undefined) failures.push(...describe(failure, root));
  });
  events.on("test:summary", ({ file, counts, success, duration_ms: milliseconds }) => {
    if (file !== undefined) {
      files.push({ file: relative(root, file), seconds: milliseconds / 1000 });
      return;
    }
    const { tests, passed, skipped, todo } = counts;
    const failed = tests - passed - skipped - todo;
    // What fails around the tests of a suite is none of them.
    const around = !success && failed === 0 ? ", and a suite failed at its beginning or end" : "";
    isGood = success;
    total = `${passed} passed, ${failed} failed, ${skipped + todo} skipped${around}`;
  });
  return {
    isGood: () => isGood,
    text: () => `${[...failures, describeTimes(files), total].join("\n")}\n`,
  };
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

function describeTimes(files: { file: string; seconds: number }[]): string {
  const slowest = files.toSorted((one, other) => other.seconds - one.seconds).slice(0, shownFiles);
  const sum = files.reduce((seconds, file) => seconds + file.seconds, 0);
  const list = slowest.map(({ file, seconds }) => `${file} ${seconds.toFixed(0)} s`).join(", ");
  return `${files.length} files took ${sum.toFixed(0)} s together; the longest: ${list}`;
}
