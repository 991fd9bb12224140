import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("Debian's python3-docker", () => {
  const { engine, berth } = useEngine();

  it("finds all that scripts do with it as it is with Docker", async () => {
    // Not another interpreter of the machine's, which may have none or another.
    const python = engine.cli("/usr/bin/python3");
    const { code, stdout, stderr } = await python([join(import.meta.dirname, "python_docker.py")]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "all of it\n");
    assert.equal(await berth("ps", "-aq"), "");
  });
});
