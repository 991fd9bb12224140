import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { startDockerRegistry } from "../distribution/fixtures.ts";
import { useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";
import { useDocker } from "./docker-client.ts";

interface Described {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: { architecture: string };
}
interface Layout {
  index: { manifests: Described[] };
  read(digest: string): {
    mediaType: string;
    config?: Described;
    layers?: Described[];
    manifests?: Described[];
    annotations?: Record<string, string>;
  };
}

const layerTypes = (layout: Layout, at = 0) =>
  (layout.read(layout.index.manifests[at]!.digest).layers ?? []).map(({ mediaType }) => mediaType);
const oci = "application/vnd.oci.image.layer.v1.tar";
const docker = "application/vnd.docker.image.rootfs.diff.tar";

describe("options of exporters", () => {
  const { engine, berth } = useEngine();
  const { run: docker_ } = useDocker(engine);
  const folder = mkdtempSync(join(tmpdir(), "berth-exporter-options-"));
  const own = process.arch === "x64" ? "amd64" : process.arch;
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));

  const project = () =>
    writeFiles(join(folder, "project"), {
      Dockerfile: "FROM busybox\nRUN yes text | head -c 300000 > /large\nCOPY x /\n",
      x: "x",
    });
  const several = (dockerfile = "FROM scratch\nARG TARGETARCH\nCOPY x /x-$TARGETARCH\n") =>
    writeFiles(join(folder, `several-${dockerfile.length}`), { Dockerfile: dockerfile, x: "x" });
  const platforms = ["--platform", `linux/${own},linux/s390x`];

  async function build(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await engine.berth(["build", "-q", ...words]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }
  async function refused(...words: string[]): Promise<string> {
    const { code, stderr } = await engine.berth(["build", "-q", ...words]);
    assert.equal(code, 1);
    return stderr;
  }
  let count = 0;
  async function layoutOf(options: string, place: string, ...words: string[]): Promise<Layout> {
    const folderOf = join(folder, `layout-${++count}`);
    await build("-o", `${options},dest=${folderOf}.tar`, ...words, place);
    assert.equal(spawnSync("mkdir", ["-p", folderOf]).status, 0);
    assert.equal(spawnSync("tar", ["-xf", `${folderOf}.tar`, "-C", folderOf]).status, 0);
    return openLayout(folderOf);
  }

  it("layers are gzip, zstd or plain, and those of the base too where that is forced", async () => {
    assert.deepEqual(layerTypes(await layoutOf("type=oci", project())), Array(3).fill(`${oci}+gzip`));
    const zstd = await layoutOf("type=oci,compression=zstd,force-compression=true", project());
    assert.deepEqual(layerTypes(zstd), Array(3).fill(`${oci}+zstd`));
    const plain = await layoutOf("type=oci,compression=uncompressed", project());
    assert.deepEqual(layerTypes(plain), Array(3).fill(oci));
    const sizes = async (level: number) => {
      const layout = await layoutOf(`type=oci,compression=gzip,compression-level=${level}`, project());
      return layout.read(layout.index.manifests[0]!.digest).layers?.[1]?.size ?? 0;
    };
    assert.ok((await sizes(0)) > (await sizes(9)));
    // A base that came compressed stays as it is, unless it is forced.
    await using registry = await startDockerRegistry();
    await berth("tag", "busybox", `${registry.host}/busybox`);
    await berth("push", `${registry.host}/busybox`);
    await berth("rmi", "-f", "busybox", `${registry.host}/busybox`);
    await berth("pull", `${registry.host}/busybox`);
    const place = writeFiles(join(folder, "pulled"), {
      Dockerfile: `FROM ${registry.host}/busybox\nRUN echo 1 > /one\n`,
    });
    const mixed = await layoutOf("type=oci,compression=zstd", place);
    assert.deepEqual(layerTypes(mixed), [`${oci}+gzip`, `${oci}+zstd`]);
    const forced = await layoutOf("type=oci,compression=zstd,force-compression=1", place);
    assert.deepEqual(layerTypes(forced), [`${oci}+zstd`, `${oci}+zstd`]);
    const unpacked = await layoutOf("type=oci,compression=uncompressed,force-compression=1", place);
    assert.deepEqual(layerTypes(unpacked), [oci, oci]);
    await berth("tag", `${registry.host}/busybox`, "busybox");
    // What is zstd altogether can be loaded and run.
    const archive = join(folder, "zstd.tar");
    await build("-t", "loaded:zstd", "-o", `type=docker,dest=${archive},compression=zstd`, project());
    await berth("load", "-i", archive);
    assert.equal(await berth("run", "--rm", "loaded:zstd", "cat", "/x"), "x");
    // Forced to nothing else they are gzip.
    const onZstd = writeFiles(join(folder, "on-zstd"), {
      Dockerfile: "FROM loaded:zstd\nCOPY y /\n",
      y: "y",
    });
    assert.ok(layerTypes(await layoutOf("type=oci", onZstd)).includes(`${oci}+zstd`));
    const gzip = layerTypes(await layoutOf("type=oci,force-compression=true", onZstd));
    assert.deepEqual(gzip, Array(4).fill(`${oci}+gzip`));
  });

  it("media types are OCI's or Docker's", async () => {
    const dockers = await layoutOf("type=docker", project());
    assert.match(dockers.index.manifests[0]!.mediaType, /docker.*manifest\.v2/);
    assert.deepEqual(layerTypes(dockers), Array(3).fill(`${docker}.gzip`));
    const other = await layoutOf("type=docker,oci-mediatypes=true,compression=zstd", project());
    assert.deepEqual(layerTypes(other).slice(1), Array(2).fill(`${oci}+zstd`));
    const list = await layoutOf("type=oci,oci-mediatypes=false", several(), ...platforms);
    const [target] = list.index.manifests;
    assert.match(target!.mediaType, /docker.*manifest\.list\.v2/);
    const listed = list.read(target!.digest).manifests ?? [];
    assert.deepEqual(
      listed.map(({ platform }) => platform?.architecture),
      [own, "s390x"],
    );
    for (const { mediaType } of listed) assert.match(mediaType, /docker.*manifest\.v2/);
  });

  it("annotations are on the manifest itself, and on what lists it", async () => {
    const annotated = await layoutOf(
      "type=oci,annotation.a=b,annotation-manifest-descriptor.c=d",
      project(),
      ...["-t", "noted:1"],
    );
    const [target] = annotated.index.manifests;
    assert.equal(target?.annotations?.c, "d");
    assert.equal(target?.annotations?.["io.containerd.image.name"], "docker.io/library/noted:1");
    assert.deepEqual(annotated.read(target!.digest).annotations, { a: "b" });
    const index = await layoutOf(
      "type=oci,annotation-index.e=f,annotation-index-descriptor.g=h",
      several(),
      ...platforms,
    );
    assert.equal(index.index.manifests[0]?.annotations?.g, "h");
    assert.deepEqual(index.read(index.index.manifests[0]!.digest).annotations, { e: "f" });
    assert.match(
      await refused("-o", `type=oci,dest=${join(folder, "no.tar")},annotation-index.e=f`, project()),
      /index annotations not supported for single platform export/,
    );
  });

  for (const program of ["berth", "docker"])
    it(`a layout comes as a directory as well, with ${program}`, async () => {
      const dest = join(folder, `directory-${program}`);
      const options = "compression=zstd,annotation-manifest-descriptor.note=kept";
      const words = ["-t", "app:7", "-o", `type=oci,tar=false,dest=${dest},${options}`, project()];
      if (program === "berth") await build(...words);
      else {
        const built = await docker_("build", ...words);
        assert.equal(built.code, 0, built.stderr);
      }
      const layout = openLayout(dest);
      const [target] = layout.index.manifests;
      assert.equal(target?.annotations?.["org.opencontainers.image.ref.name"], "7");
      assert.equal(target?.annotations?.note, "kept");
      assert.equal(layerTypes(layout).length, 3);
      const inspected = spawnSync("skopeo", ["inspect", `oci:${dest}:7`], { encoding: "utf8" });
      assert.equal(inspected.status, 0, inspected.stderr);
      assert.equal((await engine.berth(["image", "inspect", "app:7"])).code, 1);
      // A second build finds the layers there.
      await build("-t", "app:8", "-o", `type=oci,tar=false,dest=${dest},compression=zstd`, project());
      assert.deepEqual(
        openLayout(dest).index.manifests.map(
          ({ annotations }) => annotations?.["org.opencontainers.image.ref.name"],
        ),
        ["7", "8"],
      );
    });

  it("an archive of several platforms has a folder for each, a directory where that is not forbidden", async () => {
    const tar = join(folder, "several.tar");
    await build(...platforms, "-o", `type=tar,dest=${tar}`, several());
    const { stdout } = spawnSync("tar", ["-tf", tar], { encoding: "utf8" });
    const wanted = [`linux_${own}/`, `linux_${own}/x-${own}`, "linux_s390x/", "linux_s390x/x-s390x"];
    assert.deepEqual(stdout.trim().split("\n").sort(), wanted.sort());
    const one = join(folder, "one.tar");
    await build("-o", `type=tar,dest=${one},platform-split=true`, several());
    assert.equal(spawnSync("tar", ["-tf", one], { encoding: "utf8" }).stdout, `x-${own}\n`);
    const split = join(folder, "split");
    await build("-o", `type=local,dest=${split},platform-split=true`, several());
    assert.ok(existsSync(join(split, `linux_${own}/x-${own}`)));
    const merged = join(folder, "merged");
    const deep = several("FROM scratch\nARG TARGETARCH\nCOPY x /d/e/x-$TARGETARCH\nCOPY x /$TARGETARCH/x\n");
    await build(...platforms, "-o", `type=local,dest=${merged},platform-split=false`, deep);
    assert.deepEqual(readdirSync(join(merged, "d/e")).sort(), [`x-${own}`, "x-s390x"].sort());
    assert.match(
      await refused(
        ...platforms,
        ...["-o", `type=local,dest=${join(folder, "clash")},platform-split=false`],
        several("FROM scratch\nCOPY x /same\n"),
      ),
      /cannot overwrite same from linux\/\S+ with linux\/\S+ when split option is disabled/,
    );
  });

  it("a push compresses as it is told, by tag or by digest, and the store keeps what it is told to keep", async () => {
    await using registry = await startDockerRegistry();
    const repository = `${registry.host}/pushed`;
    const manifestOf = async (tag: string) => {
      const headers = {
        accept:
          "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json",
      };
      const answer = await fetch(`http://${registry.host}/v2/pushed/manifests/${tag}`, { headers });
      return (await answer.json()) as { mediaType: string; layers: Described[] };
    };
    await build(
      "-o",
      `type=image,push=true,name=${repository}:z,compression=zstd,oci-mediatypes=true`,
      project(),
    );
    const pushed = (await manifestOf("z")).layers.slice(1);
    assert.deepEqual(
      pushed.map(({ mediaType }) => mediaType),
      Array(2).fill(`${oci}+zstd`),
    );
    await build("-o", `type=image,push=true,name=${repository}:d`, several());
    assert.match((await manifestOf("d")).mediaType, /docker/);
    await berth("rmi", `${repository}:z`, `${repository}:d`);
    await berth("run", "--rm", `${repository}:z`, "cat", "/x");
    // What an image is compressed to is kept for a later push.
    await build(
      "-o",
      `type=image,name=${repository}:later,compression=zstd`,
      several("FROM scratch\nCOPY x /later\n"),
    );
    await berth("push", `${repository}:later`);
    assert.deepEqual(
      (await manifestOf("later")).layers.map(({ mediaType }) => mediaType),
      [`${oci}+zstd`],
    );
    const digest = await build(
      ...["-o", `type=image,push=true,push-by-digest=true,name=${repository}`],
      several("FROM scratch\nCOPY x /by-digest\n"),
    );
    assert.match(digest, /^sha256:/);
    assert.equal((await engine.berth(["image", "inspect", digest])).code, 1);
    assert.match(
      await refused("-o", `type=image,push=true,push-by-digest=true,name=${repository}:tag`, several()),
      /can't push tagged ref \S+:tag by digest/,
    );
    const gone = several("FROM scratch\nCOPY x /not-stored\n");
    await build("-o", `type=image,push=true,store=false,name=${repository}:gone`, gone);
    assert.equal((await manifestOf("gone")).layers.length, 1);
    assert.equal((await engine.berth(["image", "inspect", `${repository}:gone`])).code, 1);
    await build(
      "-o",
      "type=image,name=canonical:1,name-canonical=true,unpack=true,dangling-name-prefix=x",
      several(),
    );
    const digestsOf = async (name: string) =>
      JSON.parse(await berth("image", "inspect", name))[0].RepoDigests;
    assert.match((await digestsOf("canonical:1"))[0], /^canonical@sha256:/);
    // With a push it is the registry's digest alone.
    const known = `${registry.host}/pushed`;
    await build(
      ...["-o", `type=image,push=true,name=${known}:canonical,name-canonical=true`],
      several("FROM scratch\nCOPY x /canonical\n"),
    );
    const answer = await fetch(`http://${known.replace("/", "/v2/")}/manifests/canonical`, {
      method: "HEAD",
      headers: { accept: [mediaTypes.manifest, mediaTypes.dockerManifest].join() },
    });
    assert.deepEqual(await digestsOf(`${known}:canonical`), [
      `${known}@${answer.headers.get("docker-content-digest")}`,
    ]);
  });

  it("layers that platforms share are packed once, and nothing is left of what was packed", async () => {
    const same = several("FROM scratch\nCOPY x /packed-once\n");
    const shared = await layoutOf("type=oci", same, ...platforms);
    const [target] = shared.index.manifests;
    const listed = (shared.read(target!.digest).manifests ?? []).slice(0, 2);
    const layers = listed.map(({ digest }) => shared.read(digest).layers);
    assert.equal(layers.length, 2);
    assert.deepEqual(layers[0], layers[1]);
    assert.deepEqual(readdirSync(join(engine.root, "blobs/tmp")), []);
  });

  it("archives change nothing of what a push sends; what an image was last packed to does", async () => {
    await using registry = await startDockerRegistry();
    const name = `${registry.host}/remembered`;
    const sent = async (tag: string) => {
      await berth("push", `${name}:${tag}`);
      const headers = {
        accept: [mediaTypes.manifest, mediaTypes.dockerManifest].join(),
      };
      const answer = await fetch(`http://${registry.host}/v2/remembered/manifests/${tag}`, { headers });
      const { layers } = (await answer.json()) as { layers: Described[] };
      return layers.map(({ mediaType }) => mediaType.split(/[+.]/).at(-1));
    };
    const place = several("FROM scratch\nCOPY x /remembered\n");
    await build("-t", `${name}:1`, place);
    await layoutOf("type=oci,compression=zstd", place);
    assert.deepEqual(await sent("1"), ["gzip"]);
    await build("-o", `type=image,name=${name}:1,compression=zstd`, place);
    assert.deepEqual(await sent("1"), ["zstd"]);
    await build("-o", `type=image,name=${name}:1,compression=uncompressed`, place);
    assert.deepEqual(await sent("1"), ["tar"]);
    await build("-o", `type=image,name=${name}:1,compression=zstd`, place);
    assert.deepEqual(await sent("1"), ["zstd"]);
    // Another image of the same layer is told nothing.
    const other = several("FROM scratch\nLABEL other=1\nCOPY x /remembered\n");
    await build("-t", `${name}:other`, other);
    assert.deepEqual(await sent("other"), ["gzip"]);
    await build("-o", `type=image,push=true,name=${name}:1,compression=gzip,compression-level=1`, place);
    assert.deepEqual(await sent("1"), ["gzip"]);
    await build("-o", `type=image,push=true,store=false,name=${name}:1,compression=zstd`, place);
    assert.deepEqual(await sent("1"), ["gzip"]);
  });

  it("what is not supported is refused by name before anything is built", async () => {
    for (const [option, why] of [
      ["compression=estargz", /unsupported compression type estargz: use gzip, zstd or uncompressed/],
      ["compression-level=abc", /invalid compression-level "abc": 0 to 9/],
      ["compression=zstd,compression-level=23", /invalid compression-level "23": 0 to 22/],
      ["force-compression=maybe", /non-boolean value "maybe" specified for force-compression/],
      ["registry.insecure=true", /registry\.insecure is not supported: .*insecure-registries/],
      ["prefer-nondist-layers=true", /prefer-nondist-layers is not supported/],
      ["attestation-inline=true", /attestation-inline is not supported/],
      ["oci-artifact=true", /oci-artifact is not supported/],
      ["tar=perhaps", /non-boolean value "perhaps" specified for tar/],
      ["unpack=true,rewrite-timestamp=true", /"rewrite-timestamp" conflicts with "unpack"/],
    ] as const) {
      const place = writeFiles(join(folder, "never"), { Dockerfile: "FROM busybox\nRUN exit 9\n" });
      assert.match(await refused("-o", `type=image,name=no,${option}`, place), why);
    }
  });
});

function openLayout(folder: string): Layout {
  return {
    index: JSON.parse(readFileSync(join(folder, "index.json"), "utf8")),
    read: (digest) =>
      JSON.parse(readFileSync(join(folder, "blobs/sha256", digest.replace("sha256:", "")), "utf8")),
  };
}
