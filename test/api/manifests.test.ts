import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { ManifestSummary } from "../../src/formats/docker-api/docker-api-image.ts";
import { createContent } from "../distribution/fixtures.ts";
import { useEngine } from "../engine.ts";
import { addBuilt, host, layoutOf, other } from "../images/index-fixtures.ts";

describe("an image for several platforms", () => {
  const { engine, berth } = useEngine();
  const content = createContent();
  const { index, listed } = addBuilt(content, "1");
  const get = async (path: string) => JSON.parse((await engine.api("GET", path)).body);
  const encode = (platform: object) => encodeURIComponent(JSON.stringify(platform));

  before(async () => {
    const path = join(engine.folder, "built.tar");
    writeFileSync(path, layoutOf(content, "1", "docker.io/library/built:1"));
    assert.equal(await berth("load", "-i", path), "Loaded image: built:1");
  });

  it("shows its target and, when asked, all its manifests, to those who know of them", async () => {
    const image = await get("/v1.48/images/built:1/json");
    const target = { mediaType: "application/vnd.oci.image.index.v1+json", digest: index };
    assert.equal(image.Id, index);
    assert.deepEqual(image.RepoDigests, [`built@${index}`]);
    const { size } = image.Descriptor;
    assert.deepEqual(image.Descriptor, { ...target, size });
    const isOurs = ({ Id }: { Id: string }) => Id === index;
    assert.deepEqual((await get("/v1.48/images/json")).find(isOurs).Descriptor, { ...target, size });
    assert.ok(!("Manifests" in image));
    const all = await get("/v1.48/images/built:1/json?manifests=1");
    const [foreign, own, attestation] = all.Manifests as [ManifestSummary, ManifestSummary, ManifestSummary];
    assert.deepEqual((await get("/v1.48/images/json?manifests=1")).find(isOurs).Manifests, all.Manifests);
    assert.deepEqual(
      all.Manifests.map(({ ID, Kind, Available }: ManifestSummary) => [ID, Kind, Available]),
      listed.map(({ digest }, at) => [digest, at < 2 ? "image" : "attestation", true]),
    );
    assert.deepEqual(own.Descriptor, listed[1]);
    assert.deepEqual(own.ImageData, {
      Platform: { architecture: host, os: "linux" },
      Size: { Unpacked: 1 << 20 },
      Containers: null,
    });
    assert.equal(foreign.ImageData?.Platform.architecture, other);
    assert.ok(own.Size.Content > own.Descriptor.size && own.Size.Total === own.Size.Content + (1 << 20));
    assert.deepEqual(attestation.AttestationData, { For: foreign.ID });
    assert.ok(!("ImageData" in attestation));

    for (const version of ["1.47", "1.40"]) {
      const older = await get(`/v${version}/images/built:1/json?manifests=1`);
      assert.ok(!("Descriptor" in older || "Manifests" in older), version);
      const listedOlder = (await get(`/v${version}/images/json?manifests=1`)).find(isOurs);
      assert.deepEqual(
        ["Descriptor" in listedOlder, "Manifests" in listedOlder],
        [false, version === "1.47"],
      );
      const { Images: images } = await get(`/v${version}/system/df`);
      assert.ok(images.every((one: object) => !("Descriptor" in one)));
    }
  });

  it("gives a container one of its manifests, which the container shows and keeps", async () => {
    await berth("create", "--name", "own", "built:1", "x");
    await berth("create", "--name", "foreign", "--platform", `linux/${other}`, "built:1", "x");
    for (const [name, { digest, mediaType, size, platform }] of [
      ["own", listed[1]],
      ["foreign", listed[0]],
    ] as const) {
      const { architecture, os } = platform ?? {};
      const shown = { mediaType, digest, size, platform: { architecture, os } };
      const container = await get(`/v1.48/containers/${name}/json`);
      assert.equal(container.Image, index);
      assert.deepEqual(container.ImageManifestDescriptor, shown, name);
      const isOurs = ({ Names }: { Names: string[] }) => Names.includes(`/${name}`);
      const listedOne = (await get("/v1.48/containers/json?all=1")).find(isOurs);
      assert.deepEqual(listedOne.ImageManifestDescriptor, shown);
      assert.ok(!("ImageManifestDescriptor" in (await get(`/v1.47/containers/${name}/json`))));
      const older = (await get("/v1.47/containers/json?all=1")).find(isOurs);
      assert.ok(!("ImageManifestDescriptor" in older));
      const { Manifests: manifests } = await get("/images/built:1/json?manifests=1");
      const users = manifests.find(({ ID }: ManifestSummary) => ID === digest).ImageData.Containers;
      assert.deepEqual(users, [container.Id]);
      const files = await berth("export", name, "-o", join(engine.folder, `${name}.tar`)).then(() =>
        engine.berth(["cp", `${name}:/${name === "own" ? "top" : "other"}`, "-"]),
      );
      assert.equal(files.code, 0, "its layers are the manifest's");
    }
    const refused = await engine.api("POST", "/containers/create?platform=linux/s390x", {
      Image: "built:1",
      Cmd: ["x"],
    });
    assert.deepEqual(
      [refused.status, JSON.parse(refused.body).message],
      [
        404,
        "image with reference built:1 was found but does not provide the specified platform (linux/s390x)",
      ],
    );
    await berth("rm", "own", "foreign");
  });

  it("is asked for a platform in JSON", async () => {
    const history = async (platform: string) => get(`/images/built:1/history?platform=${platform}`);
    assert.equal((await history(encode({ os: "linux", architecture: other }))).length, 1);
    assert.equal((await history("")).length, 2);
    assert.equal(
      (await berth("history", "-q", "--platform", `linux/${other}`, "built:1")).split("\n").length,
      1,
    );
    for (const [text, message] of [
      ["linux", /^failed to parse platform: /],
      ["[]", /^failed to parse platform: /],
      [encode({ os: "linux", architecture: 5 }), /^failed to parse platform: /],
      [encode({ os: "linux", architecture: "a\u0000b" }), /^failed to parse platform: /],
      [encode({ os: "linux" }), /^both OS and Architecture must be provided$/],
      [encode({ variant: "v8" }), /^optional platform fields provided, but OS and Architecture are missing$/],
    ] as const) {
      const { status, body } = await engine.api("GET", `/images/built:1/history?platform=${text}`);
      assert.equal(status, 400, body);
      assert.match(JSON.parse(body).message, message);
    }
  });

  it("is inspected by one of its platforms", async () => {
    const query = `platform=${encode({ os: "linux", architecture: other })}`;
    const part = await get(`/images/built:1/json?${query}`);
    const [{ digest, mediaType, size, platform } = listed[0]] = listed;
    assert.deepEqual([part.Id, part.Architecture, part.RepoTags], [digest, other, ["built:1"]]);
    assert.deepEqual(part.Descriptor, { mediaType, digest, size, platform });
    assert.equal((await get(`/v1.48/images/built:1/json?${query}`)).Id, index);
    assert.equal(
      await berth("image", "inspect", "-f", "{{.Architecture}}", "--platform", `linux/${other}`, "built:1"),
      other,
    );
    for (const [words, status, message] of [
      [`manifests=1&${query}`, 400, "conflicting options: manifests and platform options cannot both be set"],
      [
        `platform=${encode({ os: "linux", architecture: "s390x" })}`,
        404,
        "image with reference built:1 was found but does not provide the specified platform (linux/s390x)",
      ],
    ] as const) {
      const refused = await engine.api("GET", `/images/built:1/json?${words}`);
      assert.deepEqual([refused.status, JSON.parse(refused.body).message], [status, message]);
    }
  });

  it("is drawn as a tree", async () => {
    await berth("create", "--name", "own", "built:1", "x");
    const { stdout, stderr } = await engine.berth(["images", "--tree", "built:1"]);
    assert.match(stderr, /^WARNING: This is an experimental feature/);
    const [legend, , head, ...lines] = stdout.trimEnd().split("\n");
    assert.match(legend ?? "", /Info -> {2}U In Use/);
    assert.match(head ?? "", /^IMAGE +ID +DISK USAGE +CONTENT SIZE +EXTRA$/);
    const size = String.raw`\d[\d.]*[kMG]?B`;
    const line = (name: string, id: string) => new RegExp(`^${name} +${id.slice(7, 19)} +${size} +${size}`);
    const [image = "", foreign = "", own = ""] = lines;
    assert.match(image, line("built:1", index));
    assert.match(foreign, line(`├─ linux/${other}`, listed[0].digest));
    assert.match(own, line(`└─ linux/${host}`, listed[1].digest));
    assert.deepEqual(
      [image, foreign, own].map((text) => / U$/.test(text)),
      [true, false, true],
    );
    const refused = await engine.berth(["images", "--tree", "-q"]);
    assert.deepEqual([refused.code, refused.stderr.trim()], [1, "--quiet is not yet supported with --tree"]);
    await berth("rm", "own");
  });

  it("loses what it has for a platform, when forced to, and what runs from it stays", async () => {
    const platforms = (architecture: string) => `platforms=${encode({ os: "linux", architecture })}`;
    const remove = async (query: string) => {
      const { status, body } = await engine.api("DELETE", `/images/built:1?${query}`);
      return [status, JSON.parse(body).message ?? JSON.parse(body)];
    };
    const available = async () =>
      (await get("/images/built:1/json?manifests=1")).Manifests.map(
        ({ Available }: ManifestSummary) => Available,
      );
    const words =
      "Content will be removed from all images referencing this variant. Use —-force to force delete.";
    assert.deepEqual(await remove(platforms(other)), [409, words]);
    assert.equal((await remove("force=1&platforms=x"))[0], 400);
    assert.equal((await remove(`force=1&${platforms("s390x")}`))[0], 404);
    assert.deepEqual(await available(), [true, true, true, true]);
    await berth("create", "--name", "foreign", "--platform", `linux/${other}`, "built:1", "x");
    assert.deepEqual(await remove(`force=1&${platforms(other)}`), [200, [{ Deleted: listed[0].digest }]]);
    assert.deepEqual(await available(), [false, true, false, true]);
    assert.equal((await engine.berth(["cp", "foreign:/other", "-"])).code, 0);
    await berth("rm", "foreign");
    assert.equal((await remove(`force=1&${platforms(other)}`))[0], 404);
    // Nothing of it would be left.
    const [status, items] = await remove(`force=1&${platforms(host)}`);
    assert.deepEqual([status, items[0]], [200, { Untagged: "built:1" }]);
    assert.equal((await engine.api("GET", "/images/built:1/json")).status, 404);
  });
});
