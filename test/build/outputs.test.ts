import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { startDockerRegistry } from "../distribution/fixtures.ts";
import { useEngine } from "../engine.ts";
import { useDocker } from "./docker-client.ts";

interface Described {
  digest: string;
  mediaType: string;
  annotations?: Record<string, string>;
  platform?: { os: string; architecture: string };
}

describe("what a build gives", () => {
  const { engine, berth } = useEngine();
  const { context, run, runWith, folder } = useDocker(engine);
  before(() => berth("image", "make", "busybox"));

  /** Unpacks an image's archive. @returns reads of its documents */
  function openLayout(archive: string) {
    const place = `${archive}.d`;
    mkdirSync(place);
    const { status, stderr } = spawnSync("tar", ["-xf", archive, "-C", place], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const blob = (digest: string) =>
      JSON.parse(readFileSync(join(place, "blobs/sha256", digest.replace("sha256:", "")), "utf8"));
    const index = JSON.parse(readFileSync(join(place, "index.json"), "utf8")) as { manifests: Described[] };
    return { blob, index, names: () => readdirSync(place) };
  }

  async function save(name: string) {
    const archive = join(folder, `${name.replace(/\W/g, "-")}.tar`);
    const saved = await run("save", "-o", archive, name);
    assert.equal(saved.code, 0, saved.stderr);
    return openLayout(archive);
  }

  const simple = (name: string) =>
    context(name, {
      Dockerfile: "FROM busybox\nARG WHO\nRUN --mount=type=secret,id=s true\nCOPY x /x\n",
      x: name,
    });

  it("says how it was made when it is asked to, in full or in short", async () => {
    for (const mode of ["min", "max"]) {
      const built = await run(
        "build",
        "-t",
        `said-${mode}`,
        "--provenance",
        `mode=${mode}`,
        "--build-arg",
        "WHO=me",
        simple(mode),
      );
      assert.equal(built.code, 0, built.stderr);
      const { blob, index } = await save(`said-${mode}`);
      const { manifests } = blob(index.manifests[0]?.digest ?? "") as { manifests: Described[] };
      const [image, attestation] = manifests as [Described, Described];
      assert.equal(image.platform?.os, "linux");
      assert.deepEqual(attestation.annotations, {
        "vnd.docker.reference.digest": image.digest,
        "vnd.docker.reference.type": "attestation-manifest",
      });
      const [layer] = blob(attestation.digest).layers as [Described];
      assert.deepEqual(layer.annotations, {
        "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2",
      });
      const { subject, predicate } = blob(layer.digest);
      assert.equal(`sha256:${subject[0].digest.sha256}`, image.digest);
      assert.equal(blob(layer.digest)._type, "https://in-toto.io/Statement/v0.1");
      assert.match(subject[0].name, /^pkg:docker\/said-\w+@latest\?platform=linux%2F/);
      assert.match(predicate.materials[0].uri, /^pkg:docker\/busybox@latest\?platform=/);
      const { args, secrets, frontend } = predicate.invocation.parameters;
      assert.equal(frontend, "dockerfile.v0");
      assert.deepEqual(secrets, mode === "max" ? [{ id: "s", optional: true }] : undefined);
      assert.deepEqual(args, mode === "max" ? { "build-arg:WHO": "me" } : undefined);
      const { stdout } = await run("run", "--rm", `said-${mode}`, "cat", "/x");
      assert.equal(stdout, mode);
    }
  });

  it("is an image alone when nothing is to be said of it, and the same one when all of it is in the cache", async () => {
    const dangling = async () => (await run("images", "-q", "--filter", "dangling=true")).stdout;
    const before = await dangling();
    const built = await run("build", "-q", "-t", "alone", simple("alone"));
    assert.equal(built.code, 0, built.stderr);
    const again = await run("build", "-q", "-t", "alone", join(folder, "alone"));
    assert.equal(again.stdout, built.stdout);
    assert.equal(await dangling(), before);
    const classic = () =>
      runWith(
        { DOCKER_BUILDKIT: "0" },
        ...["build", "-q", "-t", "classic", context("classic", { Dockerfile: "FROM busybox\nRUN true\n" })],
      );
    const first = await classic();
    assert.equal(first.code, 0, first.stderr);
    assert.equal((await classic()).stdout, first.stdout);
    assert.equal(await dangling(), before);
    const labelled = await run("build", "-q", "--label", "a=b", "-t", "labelled", join(folder, "alone"));
    assert.notEqual(labelled.stdout, built.stdout);
    const fresh = await run("build", "-q", "--no-cache", "-t", "fresh", join(folder, "alone"));
    assert.notEqual(fresh.stdout, built.stdout);
    const { blob, index } = await save("alone");
    assert.equal(index.manifests[0]?.digest, built.stdout.trim());
    assert.ok("config" in blob(index.manifests[0]?.digest ?? ""));
  });

  it("names the scanner that it does not run", async () => {
    const built = await run("build", "--sbom=true", simple("sbom"));
    assert.equal(built.code, 1);
    assert.match(
      built.stderr,
      /SBOM scanner docker\.io\/docker\/buildkit-syft-scanner:stable-1 is not supported/,
    );
  });

  const own = process.arch === "x64" ? "amd64" : process.arch;
  const foreign = "linux/s390x";
  const several = () =>
    context("several", {
      Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY x /x-$TARGETARCH\nLABEL arch=$TARGETARCH\n",
      x: "x",
    });

  it("is for several platforms, under one name", async () => {
    const built = await run(
      "build",
      "--platform",
      `linux/${own},${foreign}`,
      "--provenance=false",
      "-t",
      "several",
      several(),
    );
    assert.equal(built.code, 0, built.stderr);
    assert.ok(built.stderr.includes("[linux/s390x 1/1] COPY x /x-s390x"), built.stderr);
    const { blob, index } = await save("several");
    const { manifests } = blob(index.manifests[0]?.digest ?? "") as { manifests: Described[] };
    assert.deepEqual(
      manifests.map(({ platform }) => `${platform?.os}/${platform?.architecture}`),
      [`linux/${own}`, foreign],
    );
    for (const { digest, platform } of manifests) {
      const config = blob(blob(digest).config.digest);
      assert.deepEqual(
        [config.architecture, config.config.Labels.arch],
        [platform?.architecture, platform?.architecture],
      );
    }
    const out = join(folder, "several-out");
    const local = await run("build", "--platform", `linux/${own},${foreign}`, "-o", out, several());
    assert.equal(local.code, 0, local.stderr);
    assert.ok(existsSync(join(out, `linux_${own}/x-${own}`)) && existsSync(join(out, "linux_s390x/x-s390x")));
  });

  it("is for the platforms that were asked for, on a base that is always this machine's", async () => {
    const place = context("pinned", {
      Dockerfile: `FROM --platform=$BUILDPLATFORM busybox AS base
FROM base AS build
ARG TARGETARCH
RUN echo $TARGETARCH >/arch
FROM base
COPY --from=build /arch /
`,
    });
    const platforms = `linux/${own},${foreign}`;
    const built = await run("build", "--platform", platforms, "--provenance=false", "-t", "pinned", place);
    assert.equal(built.code, 0, built.stderr);
    const { blob, index } = await save("pinned");
    const { manifests } = blob(index.manifests[0]?.digest ?? "") as { manifests: Described[] };
    assert.deepEqual(
      manifests.map(({ digest, platform }) => [
        `${platform?.os}/${platform?.architecture}`,
        blob(blob(digest).config.digest).architecture,
      ]),
      [
        [`linux/${own}`, own],
        [foreign, "s390x"],
      ],
    );
    const out = join(folder, "pinned-out");
    const local = await run("build", "--platform", platforms, "-o", out, place);
    assert.equal(local.code, 0, local.stderr);
    assert.equal(readFileSync(join(out, "linux_s390x/arch"), "utf8"), "s390x\n");
    assert.equal(readFileSync(join(out, `linux_${own}/arch`), "utf8"), `${own}\n`);
  });

  it("says before it begins that a command cannot run for another machine", async (t) => {
    const machines = ["s390x", "riscv64", "ppc64le"];
    const strange = machines.find((machine) => !existsSync(`/proc/sys/fs/binfmt_misc/qemu-${machine}`));
    if (strange === undefined) return t.skip("the kernel has emulators for all of them");
    const place = context("foreign", { Dockerfile: 'FROM scratch\nCOPY x /x\nRUN ["/x"]\n', x: "x" });
    const built = await run("build", "--platform", `linux/${strange}`, place);
    assert.equal(built.code, 1);
    const refusal = `cannot run a command for linux/${strange} on this machine: exec format error`;
    assert.ok(built.stderr.includes(refusal), built.stderr);
    assert.match(built.stderr, / {3}3 \| >>> RUN/);
  });

  it("goes to an archive that others load, and several ways at once, and leaves no image behind", async () => {
    const before = (await run("images", "-aq")).stdout;
    const [oci, docker, out] = ["oci.tar", "docker.tar", "several-ways"].map((name) =>
      join(folder, name),
    ) as [...[string, string, string]];
    const built = await run(
      ...["build", "-o", `type=oci,dest=${oci},name=a:1`, "-o", `type=docker,dest=${docker},name=loaded:1`],
      ...["-o", `type=local,dest=${out}`, "--provenance=false", simple("archive")],
    );
    assert.equal(built.code, 0, built.stderr);
    assert.ok(existsSync(join(out, "x")));
    assert.equal((await run("images", "-aq")).stdout, before);
    const { index, names } = openLayout(oci);
    assert.equal(index.manifests[0]?.annotations?.["io.containerd.image.name"], "docker.io/library/a:1");
    assert.ok(names().includes("oci-layout"));
    const checked = spawnSync("skopeo", ["inspect", "--raw", `oci-archive:${oci}`], { encoding: "utf8" });
    assert.equal(checked.status, 0, checked.stderr);
    const loaded = await run("load", "-i", docker);
    assert.match(loaded.stdout, /Loaded image: loaded:1/);
    assert.equal((await run("run", "--rm", "loaded:1", "cat", "/x")).stdout, "archive");
    // An image that was there before stays.
    const again = await run("build", "-t", "stays", "--provenance=false", simple("archive"));
    assert.equal(again.code, 0, again.stderr);
    const stdout = await run("build", "-o", "type=oci,dest=-", "--provenance=false", simple("archive"));
    assert.equal(stdout.code, 0, stdout.stderr);
    assert.equal((await run("run", "--rm", "stays", "cat", "/x")).stdout, "archive");
  });

  it("goes to a layout in a directory beside other images, in whatever order, and each index has what is there", async () => {
    const layout = (at: number) => join(folder, `beside-${at}`);
    const orders = [
      ["type=oci,tar=false,dest=", "type=image,name=beside:1,compression=zstd"],
      ["type=image,name=beside:1", "type=oci,tar=false,name=layout:3,dest="],
      ["type=oci,tar=false,dest=", `type=oci,name=x:1,dest=${join(folder, "beside.tar")}`],
    ];
    for (const [at, outputs] of orders.entries()) {
      const words = outputs.flatMap((one) => ["-o", one.replace(/dest=$/, `dest=${layout(at)}`)]);
      const iid = join(folder, "iid");
      const built = await run(
        "build",
        "--provenance=false",
        "--iidfile",
        iid,
        ...words,
        simple(`beside-${at}`),
      );
      assert.equal(built.code, 0, built.stderr);
      const read = (path: string) => JSON.parse(readFileSync(join(layout(at), path), "utf8"));
      const { manifests } = read("index.json") as { manifests: Described[] };
      assert.equal(manifests.length, 1);
      const blobs = readdirSync(join(layout(at), "blobs/sha256"));
      const { digest, annotations } = manifests[0] as Described;
      const { config, layers } = read(`blobs/sha256/${digest.slice(7)}`);
      for (const one of [config, ...layers] as Described[]) assert.ok(blobs.includes(one.digest.slice(7)));
      const name = outputs.find((one) => one.includes("tar=false"))?.match(/name=([^,]+)/)?.[1];
      assert.equal(annotations?.["io.containerd.image.name"], name && `docker.io/library/${name}`);
      if (!outputs.some((one) => one.startsWith("type=image"))) continue;
      const { stdout } = await run("image", "inspect", "-f", "{{.Id}}", "beside:1");
      assert.equal(readFileSync(iid, "utf8"), stdout.trim());
    }
  });

  it("carries annotations where they are meant to be", async () => {
    const archive = join(folder, "annotated.tar");
    const built = await run(
      ...[
        "build",
        "--platform",
        `linux/${own},${foreign}`,
        "--provenance=false",
        "-o",
        `type=oci,dest=${archive}`,
      ],
      ...[
        "--annotation",
        "manifest:a=1",
        "--annotation",
        "index:b=2",
        "--annotation",
        "manifest-descriptor:c=3",
      ],
      ...["--annotation", `manifest[${foreign}]:d=4`, several()],
    );
    assert.equal(built.code, 0, built.stderr);
    const { blob, index } = openLayout(archive);
    const target = blob(index.manifests[0]?.digest ?? "") as { annotations: unknown; manifests: Described[] };
    assert.deepEqual(target.annotations, { b: "2" });
    const [one, other] = target.manifests as [Described, Described];
    assert.deepEqual([one.annotations, other.annotations], [{ c: "3" }, { c: "3" }]);
    assert.deepEqual(blob(one.digest).annotations, { a: "1" });
    assert.deepEqual(blob(other.digest).annotations, { a: "1", d: "4" });
  });

  it("goes to registries as a whole, with what is said of it", async () => {
    await using registry = await startDockerRegistry();
    const name = `${registry.host}/several:1`;
    const metadata = join(folder, "pushed.json");
    const built = await run(
      ...["build", "--platform", `linux/${own},${foreign}`, "--push", "-t", name],
      ...["--provenance", "mode=min", "--metadata-file", metadata, several()],
    );
    assert.equal(built.code, 0, built.stderr);
    const told = JSON.parse(readFileSync(metadata, "utf8")) as Record<string, unknown>;
    const fetchDocument = async (kind: string, reference: string) => {
      const answer = await fetch(`http://${registry.host}/v2/several/${kind}/${reference}`, {
        headers: {
          accept: "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json",
        },
      });
      assert.equal(answer.status, 200, `${kind} ${reference}`);
      return answer.json();
    };
    const digest = String(told["containerimage.digest"]);
    assert.equal((told["containerimage.descriptor"] as Described).digest, digest);
    assert.deepEqual(await fetchDocument("manifests", digest), await fetchDocument("manifests", "1"));
    const { manifests } = (await fetchDocument("manifests", "1")) as { manifests: Described[] };
    assert.deepEqual(
      manifests.map(({ platform }) => platform?.architecture),
      [own, "s390x", "unknown", "unknown"],
    );
    for (const [at, image] of manifests.slice(0, 2).entries()) {
      const { layers } = (await fetchDocument("manifests", image.digest)) as { layers: Described[] };
      assert.equal(layers[0]?.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
      const attestation = manifests[at + 2] as Described;
      assert.equal(attestation.annotations?.["vnd.docker.reference.digest"], image.digest);
      const said = (await fetchDocument("manifests", attestation.digest)) as { layers: Described[] };
      const { subject } = (await fetchDocument("blobs", said.layers[0]?.digest ?? "")) as {
        subject: { digest: { sha256: string } }[];
      };
      assert.equal(`sha256:${subject[0]?.digest.sha256}`, image.digest);
    }
    const removed = await run("rmi", name);
    assert.equal(removed.code, 0, removed.stderr);
    const pulled = await run("pull", name);
    assert.equal(pulled.code, 0, pulled.stderr);
  });
});
