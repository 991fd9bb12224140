import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { writeFiles } from "../build/context-folder.ts";
import { useEngine } from "../engine.ts";
import { sh } from "./neighbour.ts";

const registration = "/proc/sys/fs/binfmt_misc/qemu-aarch64";

/** The machine has an emulator of arm64, and a busybox of that kind. */
describe("builds for another machine's processors", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-foreign-"));
  before(() => assert.match(sh(`cat ${registration}`), /^enabled[\s\S]*flags:.*F/));
  after(() => {
    sh(`echo 1 >${registration}`);
    rmSync(folder, { recursive: true });
  });

  const project = (name: string, base: string) => {
    const place = writeFiles(join(folder, name), {
      Dockerfile: `FROM ${base}
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ARG TARGETARCH BUILDPLATFORM
RUN uname -m > /machine && echo "$TARGETARCH on $BUILDPLATFORM" > /built
CMD ["uname", "-m"]
`,
    });
    sh(`cp /opt/foreign/busybox ${place}`);
    return place;
  };
  const arm = ["--platform", "linux/arm64"];

  it("run their commands by the emulator that the kernel has, and so do containers of the image", async () => {
    await berth("build", ...arm, "-t", "foreign", project("one", "scratch"));
    assert.equal(await berth("image", "inspect", "-f", "{{.Architecture}}", "foreign"), "arm64");
    assert.equal(await berth("run", "--rm", ...arm, "foreign"), "aarch64");
    const said = await berth("run", "--rm", ...arm, "foreign", "cat", "/machine", "/built");
    assert.equal(said, "aarch64\narm64 on linux/amd64");
  });

  it("go on from an image of that kind, beside this machine's own", async () => {
    await berth("image", "make", "busybox");
    const place = writeFiles(join(folder, "two"), {
      Dockerfile: `FROM --platform=$BUILDPLATFORM busybox AS own
RUN uname -m > /own
FROM foreign
COPY --from=own /own /own
RUN cat /own > /both && uname -m >> /both
`,
    });
    await berth("build", ...arm, "-t", "both", place);
    assert.equal(await berth("run", "--rm", ...arm, "both", "cat", "/both"), "x86_64\naarch64");
  });

  it("are refused before they begin where the kernel has none", async () => {
    sh(`echo 0 >${registration}`);
    const place = project("none", "scratch");
    const refused = await engine.berth(["build", "--no-cache", ...arm, place]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /cannot run a command for linux\/arm64 on this machine: exec format error; register an emulator with the kernel \(binfmt_misc; Debian: qemu-user-static\)/,
    );
    assert.match(refused.stderr, / 3 \| >>> RUN \["\/bin\/busybox"/);
  });
});
