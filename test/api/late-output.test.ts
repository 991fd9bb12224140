import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { head, openRaw } from "../raw-connection.ts";

describe("a classic build whose client does not read", () => {
  const { engine, berth } = useEngine();

  it("fails with one stage while another prints on, and the engine goes on", async () => {
    const meet = "RUN --mount=type=cache,id=late,target=/c";
    const mark = "late-output-of-a-classic-build";
    const lines = [
      "FROM busybox AS fails",
      `${meet} until test -e /c/go; do sleep 0.01; done; sleep 3; exit 3`,
      "FROM busybox AS prints",
      `${meet} head -c 1048576 /dev/zero | tr '\\0' x | fold -w 1000; touch /c/go; while :; do echo ${mark}; done`,
      "FROM busybox",
      "COPY --from=fails /etc /a",
      "COPY --from=prints /etc /b",
    ];
    const dockerfile = `${lines.join("\n")}\n`;
    const headers = [
      "Connection: close",
      "Content-Type: application/x-tar",
      `Content-Length: ${dockerfile.length}`,
    ];
    const pid = engine.pid();
    const client = await openRaw(engine, "");
    client.socket.pause();
    client.socket.write(head("POST", "/build", headers) + dockerfile);
    await eventually(
      () => isRunning(mark),
      (runs) => runs,
    );
    await eventually(
      () => isRunning(mark),
      (runs) => !runs,
    );
    assert.equal((await engine.api("GET", "/_ping")).status, 200);
    assert.equal(engine.pid(), pid);
    client.socket.resume();
    assert.match(await client.ended(), /returned a non-zero code: 3"}\r\n(?:\r\n0\r\n\r\n)?$/);
    assert.match(await berth("version"), /Server/);
  });
});

/** Whether a command line of this machine has the text in it. */
function isRunning(text: string): boolean {
  return readdirSync("/proc").some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text);
    } catch {
      return false;
    }
  });
}
