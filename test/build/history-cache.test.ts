import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startDockerRegistry } from "../distribution/fixtures.ts";
import { useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";
import { newestDocker } from "./docker-client.ts";

/** Changes a saved image: its top layer gets one more, empty file, and its config says so. */
function addToTopLayer(archive: string, name: string): void {
  const script = `
import hashlib, io, json, sys, tarfile
archive, extra = sys.argv[1:]
files = {m.name: tarfile.open(archive).extractfile(m).read() for m in tarfile.open(archive) if m.isfile()}
[image] = json.loads(files["manifest.json"])
layer = io.BytesIO()
out = tarfile.open(fileobj=layer, mode="w")
for member in (old := tarfile.open(fileobj=io.BytesIO(files[image["Layers"][-1]]))):
    out.addfile(member, old.extractfile(member) if member.isfile() else None)
out.addfile(tarfile.TarInfo(extra))
out.close()
config = json.loads(files[image["Config"]])
config["rootfs"]["diff_ids"][-1] = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
made = {"config.json": json.dumps(config).encode(), "top.tar": layer.getvalue()}
image["Config"], layers = "config.json", image["Layers"][:-1]
made |= {name: files[name] for name in layers}
image["Layers"] = layers + ["top.tar"]
made["manifest.json"] = json.dumps([image]).encode()
with tarfile.open(archive, "w") as out:
    for name, data in made.items():
        info = tarfile.TarInfo(name)
        info.size = len(data)
        out.addfile(info, io.BytesIO(data))
`;
  execFileSync("python3", ["-c", script, archive, name]);
}

describe("--cache-from of clients without BuildKit", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-history-cache-"));
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));

  function build(...words: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, DOCKER_HOST: engine.host, DOCKER_BUILDKIT: "0" };
      const child = spawn(newestDocker, ["build", ...words], { env, timeout: 120_000 });
      let output = "";
      child.stdout.on("data", (text) => (output += text));
      child.stderr.on("data", (text) => (output += text));
      child.on("close", (code) => (code === 0 ? resolve(output) : reject(new Error(output))));
    });
  }
  const forget = () => berth("builder", "prune", "-af");
  const stamp = (name: string) => berth("run", "--rm", name, "cat", "/stamp");

  let count = 0;
  function project({ a = "content", env = "1" } = {}): string {
    const place = writeFiles(join(folder, `project-${++count}`), {
      Dockerfile: `FROM busybox
ARG N=1
ENV E=${env}
WORKDIR /work
COPY a dir /copied/
RUN head -c 8 /dev/urandom | md5sum > /stamp; echo $N > /n
CMD cat /stamp
`,
      a,
      "dir/b": "b",
    });
    // Times are no part of what a copy depends on.
    utimesSync(join(place, "a"), count * 1000, count * 1000);
    return place;
  }

  it("an image serves as a cache by its history, as far as the two are the same", async () => {
    await build("-t", "app:1", project());
    const first = await stamp("app:1");
    await forget();
    const again = await build("-t", "app:2", "--cache-from", "app:1", project());
    assert.match(again, /: WORKDIR \/work\n ---> Using cache\n/);
    assert.match(again, /: RUN head .*\n ---> Using cache\n/);
    assert.equal(await stamp("app:2"), first);
    for (const [what, place, ...more] of [
      ["other content", project({ a: "changed" })],
      ["another variable", project({ env: "2" })],
      ["another argument", project(), "--build-arg", "N=2"],
      ["no cache", project(), "--no-cache"],
    ] as const) {
      await forget();
      await build("-t", "app:other", "--cache-from", "app:1", ...more, place);
      assert.notEqual(await stamp("app:other"), first, what);
    }
    await forget();
    await build("-t", "app:other", project());
    assert.notEqual(await stamp("app:other"), first);
  });

  it("one that was pulled serves as well, and stages with images of their own", async () => {
    await using registry = await startDockerRegistry();
    const name = `${registry.host}/app`;
    const place = writeFiles(join(folder, "stages"), {
      Dockerfile:
        "FROM busybox AS builder\nRUN head -c 8 /dev/urandom | md5sum > /made\nFROM busybox\nCOPY --from=builder /made /stamp\nRUN head -c 8 /dev/urandom | md5sum >> /stamp\n",
    });
    await build("-t", `${name}:builder`, "--target", "builder", place);
    await build("-t", `${name}:latest`, place);
    const first = await stamp(`${name}:latest`);
    for (const tag of ["builder", "latest"]) {
      await berth("push", `${name}:${tag}`);
      await berth("rmi", `${name}:${tag}`);
    }
    await forget();
    await berth("pull", `${name}:builder`);
    await berth("pull", `${name}:latest`);
    const caches = ["--cache-from", `${name}:builder`, "--cache-from", `${name}:latest`];
    const built = await build("-t", "app:pulled", ...caches, place);
    assert.equal(built.match(/Using cache/g)?.length, 2, built);
    assert.equal(await stamp("app:pulled"), first);
    // The image has all that it needs when its cache has gone.
    await berth("rmi", "-f", `${name}:builder`, `${name}:latest`);
    await forget();
    const archive = join(folder, "pulled.tar");
    await berth("save", "-o", archive, "app:pulled");
    assert.equal(await stamp("app:pulled"), first);
  });

  it("a layer that hides more than the step does is another one", async () => {
    const place = writeFiles(join(folder, "hiding"), { Dockerfile: "FROM busybox\nCOPY x /x/\n", x: "x" });
    // The honest image, and one that says the same of itself and deletes /etc, or all that was in it.
    await build("-t", "honest:1", place);
    for (const mark of [".wh.etc", "etc/.wh..wh..opq"]) {
      const archive = join(folder, "evil.tar");
      await berth("save", "-o", archive, "honest:1");
      addToTopLayer(archive, mark);
      await berth("rmi", "honest:1");
      await berth("load", "-i", archive);
      await berth("tag", "honest:1", "evil:1");
      await forget();
      await build("-t", "taken:1", "--cache-from", "evil:1", place);
      assert.match(await berth("run", "--rm", "taken:1", "ls", "/etc"), /passwd/, mark);
      await berth("rmi", "-f", "honest:1", "evil:1", "taken:1");
      await forget();
      await build("-t", "honest:1", place);
    }
  });

  it("passes over images that are not here, or say nothing of themselves", async () => {
    await berth("run", "--name", "bare", "busybox", "true");
    const archive = join(folder, "bare.tar");
    await berth("export", "-o", archive, "bare");
    await berth("rm", "bare");
    await berth("import", archive, "bare:1");
    const caches = ["--cache-from", "nowhere:1", "--cache-from", "bare:1", "--cache-from", "UPPER"];
    const built = await build("-t", "app:3", ...caches, project());
    assert.doesNotMatch(built, /RUN head .*\n ---> Using cache/);
    const refused = await engine.api("POST", "/build?cachefrom=%7B%7D");
    assert.equal(refused.status, 400);
    assert.match(refused.body, /invalid cachefrom/);
    const many = encodeURIComponent(JSON.stringify(Array(101).fill("busybox")));
    assert.match((await engine.api("POST", `/build?cachefrom=${many}`)).body, /more than 100 images/);
  });

  it("a step that mounts or reaches more than its instruction says is done", async () => {
    const place = writeFiles(join(folder, "mounts"), {
      Dockerfile:
        "FROM busybox\nRUN --mount=type=bind,target=/context cat /context/x > /stamp; head -c 8 /dev/urandom | md5sum >> /stamp\n",
      x: "1",
    });
    await build("-t", "mounting:1", place);
    await forget();
    await build("-t", "mounting:2", "--cache-from", "mounting:1", place);
    assert.notEqual(await stamp("mounting:1"), await stamp("mounting:2"));
  });
});
