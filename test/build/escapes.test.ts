import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";

describe("links in a base image", () => {
  const { berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-escapes-"));
  after(() => rmSync(folder, { recursive: true }));

  it("lead a copy nowhere outside", async () => {
    const marker = `berth-escape-${process.pid}`;
    const up = "../".repeat(40);
    const place = writeFiles(join(folder, "context"), {
      Dockerfile: `FROM busybox AS base
RUN ln -s ${up} /up && ln -s /tmp /absolute && ln -s ${up}tmp/${marker}-file /file && ln -s /proc/1/root/tmp /process
RUN mkdir -p /tmp
FROM base
COPY f /up/tmp/${marker}-up
COPY f /absolute/${marker}-absolute
COPY f /file
COPY f /process/${marker}-process
COPY --from=base /up/bin/busybox /copied
WORKDIR /up/tmp/${marker}-directory
RUN cat /tmp/${marker}-up /tmp/${marker}-absolute /tmp/${marker}-file && test -d /tmp/${marker}-directory && test -x /copied
`,
      f: "f",
    });
    await berth("build", "-t", "escapes", place);
    assert.equal(await berth("run", "--rm", "escapes", "cat", `/tmp/${marker}-up`), "f");
    for (const name of ["up", "absolute", "file", "process", "directory"])
      assert.equal(existsSync(`/tmp/${marker}-${name}`), false, `${name} leads to the host`);
  });

  it("lead what a step binds where they lead in the image", async () => {
    const place = writeFiles(join(folder, "bound"), {
      Dockerfile: `FROM busybox AS base
RUN mkdir -p /run/place /var && echo inside > /run/place/file && ln -s /run /var/link && ln -s ${folder} /out
FROM busybox AS inside
RUN --mount=type=bind,from=base,source=/var/link/place,target=/x test "$(cat /x/file)" = inside
FROM busybox AS outside
RUN --mount=type=bind,from=base,source=/out/bound,target=/x true
`,
    });
    await berth("build", place, "--target", "inside");
    await assert.rejects(berth("build", place), /"\/out\/bound": not found/);
  });

  it("fail no step that puts one on the way to its own mount", async () => {
    const place = writeFiles(join(folder, "linked"), {
      Dockerfile: `FROM busybox
RUN --mount=type=cache,target=/build/x/cache mkdir /src && mv /build /away && ln -s /src /build
RUN test -L /build
`,
    });
    await berth("build", place);
  });
});
