// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a Dockerfile has them
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Node } from "../../src/build/graph/nodes.ts";
import { hostPlatform } from "../../src/formats/image-config.ts";
import { formatPlatform } from "../../src/formats/platform.ts";
import { copyOf, createdBy, planDockerfile, type World } from "./plan-dockerfile.ts";

const host = formatPlatform(hostPlatform());
const other = hostPlatform().architecture === "arm64" ? "linux/amd64" : "linux/arm64";
const folder: Node = { kind: "inline", name: "", files: [] };

/** What is refused, and in which line. */
async function refuse(text: string, message: RegExp, line: number, world: World = {}): Promise<void> {
  await assert.rejects(
    planDockerfile(text, world),
    (error: Error & { ranges: { start: { line: number } }[] }) => {
      assert.match(error.message, message);
      assert.equal(error.ranges[0]?.start.line, line, error.message);
      return true;
    },
  );
}

/* As dockerd 28.5.2 plans them. */

describe("the platform", () => {
  const describePlan = async (text: string, platform?: string) => {
    const plan = await planDockerfile(text, { attributes: platform ? { platform } : {} });
    const { os, architecture } = plan.config;
    return { of: formatPlatform(plan.platform), config: `${os}/${architecture}`, wanted: plan.wanted };
  };

  it("of a stage is that of the one that it goes on from, whatever it says itself", async () => {
    const text = "FROM --platform=$BUILDPLATFORM a AS base\nFROM --platform=linux/s390x base\nRUN true\n";
    const cross = await describePlan(text, "linux/s390x");
    assert.deepEqual(cross, { of: "linux/s390x", config: "linux/s390x", wanted: [`a@${host}`] });
    const { of, config } = await describePlan(`FROM --platform=${other} a AS base\nFROM base\n`);
    assert.deepEqual({ of, config }, { of: other, config: other });
  });

  it("of a result is the one that was asked for, whatever it stands on", async () => {
    const text = "FROM --platform=$BUILDPLATFORM a\nCOPY x /\n";
    assert.deepEqual(await describePlan(text, "linux/arm64"), {
      ...{ of: "linux/arm64", config: "linux/arm64", wanted: [`a@${host}`] },
    });
    const { platform, config } = await planDockerfile(text, { attributes: { platform: "linux/arm/v6" } });
    assert.equal(formatPlatform(platform), "linux/arm/v6");
    assert.equal(config.variant, "v6");
  });

  it("is shown with the one that is built for, where a step knows of that", async () => {
    const name = async (text: string) => {
      const attributes = { platform: "linux/s390x", "multi-platform": "true" };
      return (await planDockerfile(text, { attributes })).target.name;
    };
    const pinned = "FROM --platform=$BUILDPLATFORM a\n";
    assert.equal(await name(`${pinned}COPY x /\n`), `[${host} 2/2] COPY x /`);
    const known = `[${host}->s390x 2/2] COPY x /`;
    assert.equal(await name(`${pinned}ARG TARGETARCH\nCOPY x /\n`), known);
    assert.equal(await name(`${pinned}ARG TARGETPLATFORM\nCOPY x /\n`), known);
    assert.equal(await name("FROM scratch\nARG TARGETARCH\nCOPY x /\n"), "[linux/s390x 1/1] COPY x /");
    assert.equal(
      await name(`${pinned}ENV TARGETOS=aix\nCOPY x /\n`),
      `[${host}->aix/${hostPlatform().architecture} 2/2] COPY x /`,
    );
  });

  it("of an empty stage is the build's", async () => {
    const text = `FROM --platform=${other} scratch\nCOPY x /\n`;
    assert.equal((await describePlan(text)).config, host);
    assert.equal((await describePlan(text, "linux/s390x")).config, "linux/s390x");
  });

  it("of images that are copied from and mounted is the build's", async () => {
    const text = `FROM --platform=$BUILDPLATFORM a
COPY --from=b /x /
RUN --mount=from=c,target=/c true
`;
    const { wanted } = await describePlan(text, "linux/s390x");
    assert.deepEqual(wanted, [`a@${host}`, "b@linux/s390x", "c@linux/s390x"]);
  });
});

describe("what steps take from", () => {
  it("may be nothing, by the name scratch", async () => {
    const copied = copyOf(await planDockerfile("FROM a\nCOPY --from=scratch / /x/\n"));
    assert.equal(copied.parts[0]?.from.kind, "scratch");
    const { target } = await planDockerfile("FROM a\nRUN --mount=from=scratch,target=/x true\n");
    assert.ok(target.kind === "run" && target.mounts[0]?.type === "bind");
    assert.equal(target.mounts[0].from.kind, "scratch");
    // A stage may have that name, and a context has none of it.
    const stage = await planDockerfile("FROM a AS scratch\nFROM b\nCOPY --from=scratch / /x/\n");
    assert.equal(copyOf(stage).parts[0]?.from.kind, "image");
    const named = await planDockerfile("FROM scratch\nCOPY x /\n", { named: { scratch: folder } });
    assert.equal(copyOf(named).base.kind, "scratch");
  });

  it("are contexts in the place of the stages that have their names", async () => {
    const text = "FROM a AS st\nRUN false\nFROM b\nCOPY --from=0 /x /\nCOPY --from=st /y /\n";
    const named = { st: folder };
    const copied = copyOf(await planDockerfile(text, { named }));
    assert.equal(copied.parts[0]?.from, folder);
    assert.equal(copied.base.kind === "copy" && copied.base.parts[0]?.from, folder);
    const target = await planDockerfile(text, { named, attributes: { target: "st" } });
    assert.equal(target.target, folder);
    assert.deepEqual(createdBy(target), []);
    const image = await planDockerfile("FROM a AS st\nRUN false\nFROM st\nENV a=b\n", {
      named: { st: "image" },
    });
    assert.deepEqual(image.wanted, [`context st@${host}`]);
    assert.deepEqual(createdBy(image), ["ENV a=b"]);
  });

  it("is no address for COPY", async () => {
    await refuse("FROM a\nCOPY https://h/x /\n", /^source can't be a URL for COPY$/, 2);
    await refuse("FROM a\nCOPY b git@h:x.git /\n", /^source can't be a git ref for COPY$/, 2);
    await refuse("FROM a\nCOPY https://h/x.git /\n", /^source can't be a git ref for COPY$/, 2);
  });

  it("have checksums where they are one and from elsewhere", async () => {
    const sum = `sha256:${"a".repeat(64)}`;
    const add = (rest: string) => `FROM a\nADD --checksum=${rest} /x/\n`;
    await refuse(add(`${sum} file`), /^checksum requires HTTP\(S\) or Git sources$/, 2);
    await refuse(add(`${sum} https://h/x b`), /^checksum can't be specified for multiple sources$/, 2);
    await refuse(add("f <<EOF").concat("EOF\n"), /^checksum can't be specified for multiple sources$/, 2);
    const mismatch = /^checksum mismatch "aaaaaaaaab" != "aaaaaaaaaa"$/;
    await refuse(add("aaaaaaaaab https://h/x.git?checksum=aaaaaaaaaa"), mismatch, 2);
    await refuse(add("aaaaaaaaab git@h:x.git?checksum=aaaaaaaaaa"), mismatch, 2);
    const { from } = copyOf(await planDockerfile(add("aaaaaaaaaa https://h/x.git?commit=aaaaaaaaaa")))
      .parts[0]!;
    assert.ok(from.kind === "git" && from.checksum === "aaaaaaaaaa");
    await planDockerfile("FROM a\nARG NONE\nADD --checksum=$NONE file /x/\n");
  });

  it("are files that are called as addresses end", async () => {
    const names: [string, string][] = [
      ["https://h/foo/", "foo"],
      ["https://h", "__unnamed__"],
      ["https://h/", "__unnamed__"],
      ["https://h//", "__unnamed__"],
      ["https://h?x=/y", "__unnamed__"],
      ["https://h/foo/bar?x=/y#/z", "bar"],
      ["https://h/a%20b", "a b"],
      ["https://h/a%2Fb", "b"],
      ["https://h/a%2F", "a"],
      ["https://h/.", "__unnamed__"],
      ["https://h/foo/..", "download"],
      ["https://h/%2e%2e", "download"],
    ];
    for (const [address, name] of names) {
      const { from } = copyOf(await planDockerfile(`FROM a\nADD ${address} /d/\n`)).parts[0]!;
      assert.equal(from.kind === "http" && from.filename, name, address);
    }
  });

  it("are heredocs, in which a backslash escapes whatever the Dockerfile says", async () => {
    const text = "# escape=`\nFROM a\nARG A=x\nCOPY <<EOF /f\nesc \\$A `$A $A\nEOF\n";
    const { from } = copyOf(await planDockerfile(text)).parts[0]!;
    assert.equal(from.kind === "inline" && from.files[0]?.content, "esc $A `x x\n");
  });

  it("are for --parents clean on both sides of the pivot", async () => {
    const patterns: [string, string][] = [
      ["a/./b", "a/./b"],
      ["./a/./b", "a/./b"],
      ["/./a", "a"],
      ["./a", "a"],
      ["a/../b/./c/../../d/./e", "b/./d/e"],
      [".", ""],
    ];
    for (const [source, pattern] of patterns) {
      const copied = copyOf(await planDockerfile(`FROM a\nCOPY --parents ${source} /\n`));
      assert.equal(copied.parts[0]?.selections[0]?.pattern, pattern, source);
    }
  });
});

describe("what an image says", () => {
  it("of commands has the arguments as they saw them", async () => {
    const text = "FROM a\nARG V\nENV V=${V:-1.0}\nARG A=1\nARG B\nARG A=2\nRUN true\n";
    assert.equal(
      createdBy(await planDockerfile(text)).at(-1),
      "RUN |3 V=1.0 A=2 B= /bin/sh -c true # buildkit",
    );
    const inherited = await planDockerfile(
      "FROM a AS b\nARG A=1\nARG B=2\nFROM b\nARG C=3\nARG A=4\nRUN true\n",
    );
    assert.equal(createdBy(inherited).at(-1), "RUN |3 A=4 B=2 C=3 /bin/sh -c true # buildkit");
  });

  it("of its stop signal is one", async () => {
    for (const signal of ["9", "99", "-1", "sigterm", "RTMIN+3"])
      assert.equal(
        (await planDockerfile(`FROM a\nSTOPSIGNAL ${signal}\n`)).config.config?.StopSignal,
        signal,
      );
    for (const signal of ["NOPE", "0", "SIGRTMIN+31", "1x"])
      await refuse(`FROM a\nARG S=${signal}\nSTOPSIGNAL $S\n`, /^invalid signal: /, 3);
  });

  it("is named after its last stage for TARGETSTAGE", async () => {
    const say = async (name: string, target?: string) =>
      createdBy(
        await planDockerfile(`FROM a${name}\nARG TARGETSTAGE\n`, {
          attributes: { ...(target && { target }) },
        }),
      );
    assert.deepEqual(await say(" AS last"), ["ARG TARGETSTAGE=last"]);
    assert.deepEqual(await say(""), ["ARG TARGETSTAGE=default"]);
    assert.deepEqual(await say(" AS b", "B"), ["ARG TARGETSTAGE=B"]);
  });
});

describe("a name", () => {
  const two = "FROM a AS base\nRUN true\nFROM b\nCOPY --from=0 x /\n";

  it("of a target or of a base is never a stage's number, that of a source may be", async () => {
    assert.deepEqual((await planDockerfile("FROM a\nFROM 0\n")).wanted, ["0@linux/amd64"]);
    assert.equal((await planDockerfile(two)).target.kind, "copy");
    for (const target of ["0", "1", "7"])
      await assert.rejects(planDockerfile(two, { attributes: { target } }), {
        kind: "invalid",
        message: `target stage "${target}" could not be found`,
      });
  });

  it("that is not there comes with the one that was probably meant", async () => {
    const say = async (text: string, missing: string, target?: string) => {
      const attributes = { ...(target && { target }) };
      const { message } = await planDockerfile(text, { missing: [missing], attributes }).then(
        () => assert.fail("it was planned"),
        (error: Error) => error,
      );
      return message;
    };
    assert.equal(await say(two, "", "bas"), 'target stage "bas" could not be found (did you mean base?)');
    assert.equal(await say("FROM alpne\n", "alpne"), "alpne: no such image (did you mean alpine?)");
    assert.equal(
      await say("FROM debiam:latest\n", "debiam:latest"),
      "debiam:latest: no such image (did you mean debian:latest?)",
    );
    assert.equal(await say("FROM busybix:1.2\n", "busybix:1.2"), "busybix:1.2: no such image");
    assert.equal(await say("FROM a AS base\nFROM bas\n", "bas"), "bas: no such image (did you mean base?)");
    const from = "FROM a AS base\nFROM a\nCOPY --from=baes x /\n";
    assert.equal(await say(from, "baes"), "baes: no such image (did you mean base?)");
    assert.equal(await say("FROM xyz\n", "xyz"), "xyz: no such image");
  });
});

describe("a plan that a small Dockerfile would make large", () => {
  it("is refused where stages take over too much", async () => {
    const args = "ARG a\n".repeat(600);
    const text = `FROM scratch AS s0\n${args}`.concat(
      ...Array.from({ length: 200 }, (_, index) => `FROM s${index} AS s${index + 1}\n${args}`),
    );
    await refuse(text, /^stages take over more than \d+ settings and lines of history/, 41 * 601 + 1);
    const large = Array.from({ length: 9000 }, (_, index) => ({ created_by: `step ${index}` }));
    const images = Array.from({ length: 60 }, (_, index) => `FROM big AS b${index}\n`).join("");
    const copies = Array.from({ length: 60 }, (_, index) => `COPY --from=b${index} / /\n`).join("");
    await refuse(`${images}FROM scratch\n${copies}`, /^stages take over more than/, 56, { history: large });
  });

  it("is refused where variables come to too much", async () => {
    const doubling = `FROM a\nENV a=${"x".repeat(60_000)}\nENV a=$a$a\n`;
    const message = /^with all variables replaced, the instructions come to more than/;
    await refuse(`${doubling}COPY ${"$a ".repeat(1000)}/\n`, message, 4);
    await refuse(doubling + "LABEL x=$a y=$a z=$a\n".repeat(300), message, 189);
    await refuse(`${doubling}ENV b=$a c=$a d=$a\n${"RUN true\n".repeat(250)}`, message, 143);
  });

  it("is refused where it copies from too much", async () => {
    const message = /^the instructions have more than 20000 sources to copy from/;
    await planDockerfile(`FROM scratch\nCOPY ${"x ".repeat(20_000)}/\n`);
    await refuse(`FROM scratch\nCOPY ${"x ".repeat(20_001)}/\n`, message, 2);
    await refuse(`FROM scratch\n${`ADD ${"x ".repeat(1000)}/\n`.repeat(25)}`, message, 22);
  });

  it("is refused where a base image wants too much done, or stages are stacked too high", async () => {
    const OnBuild = Array.from({ length: 4999 }, () => "ENV a=b");
    const images = { a: { OnBuild } };
    assert.equal(createdBy(await planDockerfile("FROM a\nENV c=d\n", { images })).length, 5000);
    await refuse("FROM a\nENV c=d\nENV e=f\n", /^more than 5000 instructions in a stage$/, 1, { images });
    const runs = "COPY x /\n".repeat(200);
    await refuse(`FROM a AS b\n${runs}FROM b\n${runs}`, /^max depth exceeded$/, 201 + 1 + 54);
  });
});
