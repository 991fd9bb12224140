import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startDockerRegistry } from "../distribution/fixtures.ts";
import { useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";

const program = fileURLToPath(new URL("../../berth", import.meta.url));

describe("berth build --output", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-outputs-"));
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));

  function run(...words: string[]) {
    return new Promise<{ code: number | null; stdout: Buffer; stderr: string }>((resolve) => {
      const env = { ...process.env, BERTH_HOST: engine.host, DOCKER_CONFIG: "/nonexistent" };
      const child = spawn(program, ["build", ...words], { env, timeout: 60_000, cwd: folder });
      const stdout: Buffer[] = [];
      let stderr = "";
      child.stdout.on("data", (data) => stdout.push(data));
      child.stderr.on("data", (text) => (stderr += text));
      child.on("close", (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
    });
  }
  async function build(...words: string[]) {
    const built = await run(...words);
    assert.equal(built.code, 0, built.stderr);
    return built;
  }
  const list = (archive: string | Buffer) => {
    const words = typeof archive === "string" ? ["-tf", archive] : ["-t"];
    const input = typeof archive === "string" ? "" : archive;
    return spawnSync("tar", words, { input, encoding: "utf8" }).stdout.split("\n");
  };
  const project = () =>
    writeFiles(join(folder, "context"), {
      Dockerfile: `FROM busybox AS made
RUN mkdir /out && echo 1 > /out/one && ln /out/one /out/two && ln -s one /out/link && chmod 700 /out/one
RUN head -c 3000000 /dev/zero > /out/large && touch /out/empty && mkfifo /out/fifo
FROM scratch
COPY --from=made /out /
`,
    });

  it("puts files into a directory, beside what is there, and follows no link that is there", async () => {
    const dest = join(folder, "files");
    mkdirSync(dest);
    mkdirSync(join(folder, "outside"));
    symlinkSync(join(folder, "outside"), join(dest, "empty"));
    writeFiles(dest, { before: "b" });
    await build("-o", "files", project());
    const names = readdirSync(dest).sort();
    assert.deepEqual(names, ["before", "empty", "large", "link", "one", "two"]);
    assert.equal(readFileSync(join(dest, "two"), "utf8"), "1\n");
    assert.equal(statSync(join(dest, "one")).ino, statSync(join(dest, "two")).ino);
    assert.equal(statSync(join(dest, "one")).mode & 0o777, 0o700);
    assert.equal(readlinkSync(join(dest, "link")), "one");
    assert.equal(statSync(join(dest, "large")).size, 3_000_000);
    assert.ok(lstatSync(join(dest, "empty")).isFile());
    assert.deepEqual(readdirSync(join(folder, "outside")), []);
  });

  it("writes archives of files and of images, to a file or to the standard output, several at once", async () => {
    await build(
      ...["-t", "named:1", "-o", "type=tar,dest=new/files.tar", "-o", "type=oci,dest=oci.tar"],
      ...["--output", "type=docker,dest=docker.tar", project()],
    );
    assert.ok(list(join(folder, "new/files.tar")).includes("large"));
    assert.ok(list(join(folder, "oci.tar")).includes("oci-layout"));
    const { stdout } = await build("-o", "-", project());
    assert.ok(list(stdout).includes("one"));
    assert.equal((await engine.berth(["image", "inspect", "named:1"])).code, 1);
    assert.match(await berth("load", "-i", join(folder, "docker.tar")), /Loaded image: named:1/);
    // Two ways to the image store.
    await build("-t", "kept:1", "-o", "type=docker", project());
    await build("-o", "type=image,name=kept:2", project());
    assert.match(await berth("images", "kept"), /kept +1.*\nkept +2|kept +2.*\nkept +1/);
  });

  it("makes a directory for each platform, and pushes", async () => {
    await using registry = await startDockerRegistry();
    const own = process.arch === "x64" ? "amd64" : process.arch;
    const place = writeFiles(join(folder, "several"), {
      Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY x /x-$TARGETARCH\n",
      x: "x",
    });
    await build("--platform", `linux/${own},linux/s390x`, "-o", "type=local,dest=platforms", place);
    assert.ok(existsSync(join(folder, `platforms/linux_${own}/x-${own}`)));
    assert.ok(existsSync(join(folder, "platforms/linux_s390x/x-s390x")));
    const name = `${registry.host}/pushed:1`;
    const { stdout } = await build("-q", "--push", "-t", name, place);
    assert.match(stdout.toString(), /^sha256:[0-9a-f]{64}\n$/);
    await berth("rmi", name);
    await berth("pull", name);
  });

  it("writes a layout beside other images, each under what it is itself", async () => {
    for (const other of ["type=docker,dest=beside.tar", "type=image,name=beside:1,compression=zstd"]) {
      await build(
        "-o",
        "type=oci,tar=false,dest=layout,name=in-layout:2",
        "-o",
        other,
        "--iidfile",
        "iid",
        project(),
      );
      const [listed] = JSON.parse(readFileSync(join(folder, "layout/index.json"), "utf8")).manifests;
      assert.equal(listed.annotations["org.opencontainers.image.ref.name"], "2");
      const manifest = readFileSync(join(folder, "layout/blobs/sha256", listed.digest.slice(7)), "utf8");
      for (const { digest } of JSON.parse(manifest).layers)
        assert.ok(existsSync(join(folder, "layout/blobs/sha256", digest.slice(7))));
    }
    const id = await berth("image", "inspect", "-f", "{{.Id}}", "beside:1");
    assert.equal(readFileSync(join(folder, "iid"), "utf8"), id);
    const two = await run("-o", "type=oci,tar=false,dest=a", "-o", "type=oci,tar=false,dest=b", project());
    assert.match(two.stderr, /only one output can have tar=false/);
  });

  it("refuses what it does not know, and says what cannot be written", async () => {
    for (const [output, why] of [
      ["type=floppy", "invalid output type: floppy"],
      ["dest=x", "type is required for output"],
      ["type=local", "dest is required for local output"],
    ] as const) {
      const refused = await run("-o", output, project());
      assert.deepEqual([refused.code, refused.stderr.trim()], [1, why]);
    }
    await build("-o", "type=oci,tar=false,dest=with-files", "-o", "type=tar,dest=with.tar", project());
    assert.ok(existsSync(join(folder, "with-files/index.json")));
    const failed = await run("-o", "type=tar,dest=/dev/full", project());
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /ENOSPC|no space left on device/);
    writeFiles(folder, { "blocked/large/file": "" });
    const blocked = await run("-o", "blocked", project());
    assert.equal(blocked.code, 1);
    assert.match(blocked.stderr, /cannot overwrite directory .*large.* with non-directory/);
  });
});
