import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { createMountSettler } from "../../src/launch/settle-mounts.ts";
import { closeDescriptor } from "../../src/sys/safe-path.ts";
import { createSources } from "../../src/volumes/sources.ts";
import { mountHung } from "../hung-file-system.ts";

// Sources were looked at before: here their server does not answer once more.
const folder = mkdtempSync(join(tmpdir(), "bt-hung-"));
const [share, near, layer] = ["share", "near", "layer"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
for (const path of [join(share, "data"), near, join(layer, "far")]) mkdirSync(path, { recursive: true });
writeFileSync(join(near, "file"), "");
after(() => rmSync(folder, { recursive: true }));

const bind = (destination: string, source: string) => ({
  ...{ destination, source, type: "bind", options: ["rbind"], isDirectory: true },
});
const mountsIn = (source: string) => [bind("/far", source), bind("/far/sub", "/tmp")];

it("a mount that leads into another whose server does not answer waits alone, until it is given up", async () => {
  const settler = createMountSettler();
  {
    using _ = mountHung(share);
    const stop = new AbortController();
    const waiting = settler.settle([layer], mountsIn(join(share, "data")), stop.signal);
    const gone = assert.rejects(waiting, /enough/);
    const { mounts } = await settler.settle([layer], mountsIn(near));
    assert.deepEqual(mounts, mountsIn(near));
    assert.deepEqual(readdirSync(near), ["file", "sub"]);
    stop.abort(new Error("enough"));
    await gone;
  }
  await settler.close();
});

it("a part of a volume whose server does not answer is waited for alone, until it is given up", async () => {
  const sources = createSources();
  {
    using _ = mountHung(share);
    const stop = new AbortController();
    const gone = assert.rejects(sources.openPart(share, "data", stop.signal), /enough/);
    const { fd, isDirectory } = await sources.openPart(near, "file");
    assert.equal(isDirectory, false);
    closeDescriptor(fd);
    stop.abort(new Error("enough"));
    await gone;
  }
  await sources.close();
});
