import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatMetrics } from "../../src/metrics/metrics.ts";
import { createTimings } from "../../src/metrics/timings.ts";
import { parseMetrics } from "../../ui/formats/metrics.ts";

describe("metrics", () => {
  it("are lines of Prometheus's text format, whatever is in a label", () => {
    const samples = [{ labels: { os: 'A "b" \\ c\nd' }, value: 1 }, { value: Number.POSITIVE_INFINITY }];
    const text = formatMetrics([{ name: "some_info", help: "One\nline", type: "gauge", samples }]);
    assert.equal(
      text,
      [
        "# HELP some_info One\\nline",
        "# TYPE some_info gauge",
        'some_info{os="A \\"b\\" \\\\ c\\nd"} 1',
        "some_info +Inf",
        "",
      ].join("\n"),
    );
  });

  it("count what was done by how long it took, and not what failed", async () => {
    const timings = createTimings("actions_seconds", "How long", ["start", "stop"]);
    assert.equal(await timings.time("start", async () => "done"), "done");
    await timings.time("start", async () => {});
    await assert.rejects(
      timings.time("start", () => Promise.reject(new Error("no"))),
      /no/,
    );
    const samples = [...timings.family().samples].map(({ suffix, labels, value }) => {
      return { key: `${labels?.action}${suffix}${labels?.le ? ` ${labels.le}` : ""}`, value };
    });
    const countOf = (key: string) => samples.find((sample) => sample.key === key)?.value;
    assert.equal(countOf("start_count"), 2);
    assert.equal(countOf("start_bucket +Inf"), 2);
    assert.equal(countOf("stop_count"), 0);
    assert.ok(countOf("start_bucket 0.005")! <= countOf("start_bucket 10")!);
    assert.ok(countOf("start_sum")! >= 0);
  });

  it("are read by the page, which passes over what it does not know", async () => {
    const timings = createTimings("actions_seconds", "How long", ["start", "stop"]);
    await timings.time("start", async () => {});
    const text = formatMetrics([
      timings.family(),
      { name: "now_count_total", help: "So many", type: "counter", samples: [{ value: 3 }] },
    ]);
    const [start, stop, other, ...rest] = parseMetrics(`${text}# EOF\nno sample at all\n{}\n`);
    assert.deepEqual([start?.name, start?.of, start?.value], ["actions_seconds", "start", 1]);
    assert.ok(start?.meanSeconds !== undefined);
    assert.deepEqual(stop, { name: "actions_seconds", of: "stop", help: "How long", value: 0 });
    assert.deepEqual(other, { name: "now_count_total", of: "", help: "So many", value: 3 });
    assert.deepEqual(rest, []);
  });
});
