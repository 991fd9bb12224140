import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { ExitError } from "../../src/cli/command.ts";
import { showProgress } from "../../src/cli/progress.ts";
import { createTransferRate } from "../../src/cli/transfer-rate.ts";
import type { ProgressMessage } from "../../src/formats/docker-api/docker-api.ts";

async function show(messages: ProgressMessage[], isTTY: boolean): Promise<string> {
  const output = Object.assign(new PassThrough(), { isTTY });
  const shown = text(output);
  const stream = (async function* () {
    yield* messages;
  })();
  await showProgress(output, stream).finally(() => output.end());
  return shown;
}

const pull: ProgressMessage[] = [
  { status: "Pulling from library/busybox", id: "latest" },
  { status: "Downloading", id: "abc", progressDetail: { current: 500_000, total: 1_000_000 } },
  { status: "Pull complete", id: "abc" },
  { status: "Digest: sha256:1" },
];

describe("progress", () => {
  it("is plain lines without bars where nobody looks on", async () => {
    assert.equal(
      await show(pull, false),
      "latest: Pulling from library/busybox\nabc: Pull complete\nDigest: sha256:1\n",
    );
  });

  it("is a line for each layer, redrawn in place, on a terminal", async () => {
    const shown = await show(pull, true);
    assert.match(shown, /abc: Downloading +\[=+> +\] +500kB\/1MB\n/);
    assert.ok(shown.includes("\x1b[1A\x1b[2K\rabc: Pull complete\x1b[1B\r"));
  });

  it("ends with the daemon's words when the stream reports an error", async () => {
    await assert.rejects(show([{ errorDetail: { message: "no such thing" } }], false), (error: unknown) => {
      assert.ok(error instanceof ExitError);
      assert.equal(error.message, "no such thing");
      return true;
    });
  });

  it("tells the pace of the last seconds, once there is one", () => {
    let now = 0;
    const rate = createTransferRate(() => now);
    assert.equal(rate.note(0), undefined);
    now = 100;
    assert.equal(rate.note(1000), undefined);
    now = 1000;
    assert.equal(rate.note(10_000), 10_000);
    for (now = 2000; now <= 20_000; now += 1000) rate.note(10_000 + now);
    assert.equal(Math.round(rate.note(10_000 + now) ?? 0), 1000);
    assert.equal(rate.note(5), undefined, "another phase");
  });
});
