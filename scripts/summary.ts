import type { TestEvent } from "node:test/reporters";

/** Reporter of the test runner: one plain line at the end. A test marked todo counts as skipped. */
export default async function* summary(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    // Each file has a summary of its own; the last one is of all.
    if (type !== "test:summary" || data.file !== undefined) continue;
    const { tests, passed, skipped, todo } = data.counts;
    yield `${passed} passed, ${tests - passed - skipped - todo} failed, ${skipped + todo} skipped\n`;
  }
}
