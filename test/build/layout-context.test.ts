import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { useDocker } from "./docker-client.ts";

describe("an image in an OCI layout of the client's", () => {
  const { engine } = useEngine();
  // Of what it is asked for nothing is here yet.
  const { engine: other } = useEngine();
  const maker = useDocker(engine);
  const { context, run, folder } = useDocker(other);
  const own = process.arch === "x64" ? "amd64" : process.arch;
  const layout = join(folder, "layout");
  let digest = "";

  before(async () => {
    const place = context("made", {
      Dockerfile: `FROM busybox
ARG TARGETARCH
ENV FROM_LAYOUT=yes
COPY --chown=7:8 x /made/
RUN ["ln", "/made/x", "/made/y"]
`,
      x: "of a layout",
    });
    const several = context("several", {
      Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY x /$TARGETARCH\n",
      x: "x",
    });
    for (const [tag, ...words] of [
      ["one", place],
      ["two", "--platform", `linux/${own},linux/s390x`, several],
    ]) {
      const output = `type=oci,tar=false,dest=${layout},name=made:${tag}`;
      const built = await maker.run("build", "--provenance=false", "-o", output, ...(words as string[]));
      assert.equal(built.code, 0, built.stderr);
    }
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    digest = index.manifests[0].digest;
  });

  const using = (name: string) =>
    context(name, {
      Dockerfile: `FROM base
RUN test "$FROM_LAYOUT" = yes && stat -c '%u:%g %h' /made/x > /seen
COPY --from=base /made/y /again
`,
    });
  const show = (...words: string[]) => run("run", "--rm", ...words).then(({ stdout }) => stdout.trim());

  it("is what a Dockerfile stands on and copies from, by its tag or its digest, for docker and for our own command line", async () => {
    const place = using("using");
    for (const [address, build] of [
      [`${layout}:one`, (words: string[]) => run("build", "--progress=plain", ...words)],
      [`${layout}@${digest}`, (words: string[]) => run("build", "--progress=plain", ...words)],
      [`${layout}:one`, (words: string[]) => other.berth(["build", "--progress=plain", ...words])],
      [`${layout}:any@${digest}`, (words: string[]) => other.berth(["build", "--progress=plain", ...words])],
    ] as const) {
      const built = await build(["-t", "app", "--build-context", `base=oci-layout://${address}`, place]);
      assert.equal(built.code, 0, built.stderr);
      assert.ok(
        built.stderr.includes(`[context base] load metadata for docker.io/library/base@${digest}`),
        built.stderr,
      );
      assert.match(built.stderr, /\[context base\] OCI load from client/);
      assert.equal(await show("app", "cat", "/seen", "/again"), "7:8 2\nof a layout");
      // All of it has to come again.
      for (const words of [
        ["rmi", "app"],
        ["buildx", "prune", "-af"],
      ])
        assert.equal((await run(...words)).code, 0);
    }
  });

  it("is named in what is said of a result", async () => {
    const out = join(folder, "said");
    const named = ["--build-context", `base=oci-layout://${layout}:one`, "--provenance=mode=max"];
    const built = await run("build", "-o", out, ...named, using("said"));
    assert.equal(built.code, 0, built.stderr);
    const { predicate } = JSON.parse(readFileSync(join(out, "provenance.json"), "utf8"));
    const [material] = predicate.materials;
    assert.ok(material.uri.startsWith(`pkg:oci/base?digest=${digest}&platform=linux%2F`), material.uri);
    assert.deepEqual(material.digest, { sha256: digest.slice(7) });
    const sources = predicate.buildConfig.llbDefinition.map(
      (step: { op: { Op: { source?: { identifier: string } } } }) => step.op.Op.source?.identifier,
    );
    assert.ok(sources.includes(`oci-layout://docker.io/library/base@${digest}`), sources.join());
  });

  it("may have several platforms, and stand for a name of a registry", async () => {
    const place = context("platforms", {
      Dockerfile: "FROM docker.io/library/base:latest\nCOPY x /x\n",
      x: "x",
    });
    const named = ["--build-context", `base=oci-layout://${layout}:two`];
    const out = join(folder, "out");
    const platforms = ["--platform", `linux/${own},linux/s390x`];
    const built = await run("build", "-o", out, ...platforms, ...named, place);
    assert.equal(built.code, 0, built.stderr);
    assert.deepEqual(readdirSync(join(out, `linux_${own}`)).sort(), [own, "x"].sort());
    assert.deepEqual(readdirSync(join(out, "linux_s390x")).sort(), ["s390x", "x"]);
    const missing = await run("build", "--platform", "linux/riscv64", ...named, place);
    assert.match(missing.stderr, /no match for platform in manifest docker\.io\/library\/base@sha256:\w+/);
    assert.match(missing.stderr, /1 \| >>> FROM/);
  });

  it("that another program has made is one as well", async () => {
    const copied = join(folder, "copied");
    const made = spawnSync("skopeo", ["copy", `oci:${layout}:one`, `oci:${copied}:x`], { encoding: "utf8" });
    // Skopeo goes by the names that the layout's index has.
    if (made.status !== 0) {
      const byName = spawnSync("skopeo", ["copy", `oci:${layout}:made:one`, `oci:${copied}:x`], {
        encoding: "utf8",
      });
      assert.equal(byName.status, 0, `${made.stderr}${byName.stderr}`);
    }
    // Its only image, whatever tag is asked for.
    const built = await run(
      "build",
      "-t",
      "app",
      "--build-context",
      `base=oci-layout://${copied}`,
      using("copied"),
    );
    assert.equal(built.code, 0, built.stderr);
    assert.equal(await show("app", "cat", "/again"), "of a layout");
  });

  it("says what is not there", async () => {
    const place = using("missing");
    const own = (address: string) =>
      other.berth(["build", "--build-context", `base=oci-layout://${address}`, place]);
    assert.match((await own("/nonexistent")).stderr, /could not be resolved: \/nonexistent is no OCI layout/);
    assert.match(
      (await own(`${layout}:nosuch`)).stderr,
      /could not be resolved: it has nothing that is tagged "nosuch"/,
    );
    assert.match(
      (await own(`${layout}@sha256:1`)).stderr,
      /could not be resolved: invalid digest "sha256:1"/,
    );
    const gone = await own(`${layout}@sha256:${"a".repeat(64)}`);
    assert.match(gone.stderr, /sha256:a+: not found/);
    assert.match(gone.stderr, /1 \| >>> FROM base/);
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const manifest = JSON.parse(
      readFileSync(join(layout, "blobs/sha256", manifests[0].digest.slice(7)), "utf8"),
    );
    rmSync(join(layout, "blobs/sha256", manifest.layers.at(-1).digest.slice(7)));
    for (const words of [
      ["rmi", "app"],
      ["buildx", "prune", "-af"],
    ])
      assert.equal((await run(...words)).code, 0);
    const cut = await run("build", "--build-context", `base=oci-layout://${layout}@${digest}`, place);
    assert.notEqual(cut.code, 0);
    assert.match(cut.stderr, /not found/);
    await eventually(
      () => readdirSync(join(other.root, "blobs/partial")),
      (left) => left.length === 0,
    );
  });
});
