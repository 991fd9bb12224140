import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("the layer that mounts are put over", () => {
  const { berth } = useEngine();

  it("keeps the owner and mode of the image's directories", async () => {
    const script = "chown 1000:1001 /etc; chmod 750 /etc";
    await berth("run", "--name", "maker", "busybox", "sh", "-ec", script);
    await berth("commit", "maker", "unusual");
    await berth("run", "--name", "user", "unusual", "stat", "-c", "%u:%g %a", "/etc");
    assert.equal(await berth("logs", "user"), "1000:1001 750");
    assert.equal(await berth("diff", "user"), "");
    await berth("commit", "user", "again");
    assert.equal(await berth("run", "--rm", "again", "stat", "-c", "%u:%g %a", "/etc"), "1000:1001 750");
    assert.equal(await berth("run", "--rm", "busybox", "stat", "-c", "%u:%g %a", "/etc"), "0:0 755");
    await berth("rm", "maker", "user");
  });
});
