import type { TestEvent } from "node:test/reporters";

/** Reporter of the test runner: one plain line at the end. A test marked todo counts as skipped. */
export default async function* summary(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    // Each file has a summary of its own; the last one is of all.
    if (type !== "test:summary" || data.file !== undefined) continue;
    const { tests, passed, skipped, todo } = data.counts;
    const failed = tests - passed - skipped - todo;
    // What fails around the tests of a suite is none of them.
    const around = !data.success && failed === 0 ? ", and a suite failed at its beginning or end" : "";
    yield `${passed} passed, ${failed} failed, ${skipped + todo} skipped${around}\n`;
  }
}
