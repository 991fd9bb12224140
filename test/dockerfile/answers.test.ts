import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerLint, answerOutline, answerTargets } from "../../src/dockerfile/answers.ts";
import { formatExcerpt } from "../../src/dockerfile/excerpt.ts";
import { lintDockerfile } from "../../src/dockerfile/lint.ts";
import { type OutlineInput, outlineDockerfile } from "../../src/dockerfile/outline.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { linesRange } from "../../src/dockerfile/parse-error.ts";

const predefined = new Map([["TARGETPLATFORM", "linux/amd64"]]);

const outlineOf = (text: string, more: Partial<OutlineInput> = {}) =>
  outlineDockerfile(parseDockerfile(text), { buildArgs: new Map(), predefined, ...more });

const staged = `# v the version
ARG v=1
# base the base
FROM --platform=linux/amd64 scratch AS base
ARG v
# w desc w
ARG w=$v
ENV q=$w
FROM base AS Two
ARG z
ARG HTTP_PROXY=x
RUN --mount=type=secret,id=s,required --mount=type=ssh,id=k --mount=type=cache,target=/c x
`;

describe("an outline", () => {
  it("has arguments, secrets and agents, each where it is first", () => {
    const { name, args, secrets, ssh } = outlineOf(staged);
    assert.equal(name, "two");
    assert.deepEqual(
      args.map((arg) => [arg.name, arg.value, arg.description, arg.range.start.line]),
      [
        ["v", "1", "the version", 2],
        ["w", "1", "desc w", 7],
        ["z", undefined, undefined, 10],
        ["HTTP_PROXY", "x", undefined, 11],
      ],
    );
    const range = linesRange(12, 12);
    assert.deepEqual(secrets, [{ name: "s", isRequired: true, range }]);
    assert.deepEqual(ssh, [{ name: "k", isRequired: false, range }]);
  });

  it("shows what global arguments are made of, but not those that are not used", () => {
    const text =
      "ARG a\nARG b=1\nARG c=$b\nARG e=5\nFROM scratch\nARG c\nARG d=$c x=y TARGETPLATFORM\nARG e\n";
    const shown = (more: Partial<OutlineInput> = {}) =>
      outlineOf(text, more).args.map(({ name, value, range }) => `${range.start.line} ${name}=${value}`);
    assert.deepEqual(shown(), ["2 b=1", "3 c=1", "4 e=5", "7 d=1", "7 x=y"]);
    // One that the build gives is the stage's own.
    const buildArgs = new Map([["e", "9"]]);
    assert.deepEqual(shown({ buildArgs }), ["2 b=1", "3 c=1", "7 d=1", "7 x=y", "8 e=9"]);
  });

  it("is of the target and what it needs", () => {
    const text =
      "FROM scratch AS a\nARG x=1\nFROM scratch AS b\nARG y=$P\nFROM a\nARG z=3\nCOPY --from=b x /\n";
    const names = (target?: string) => outlineOf(text, target ? { target } : {}).args.map(({ name }) => name);
    assert.deepEqual(names(), ["x", "y", "z"]);
    assert.deepEqual(names("b"), ["y"]);
    assert.throws(() => names("q"), {
      kind: "invalid",
      message: 'target stage "q" could not be found (did you mean a?)',
    });
    const environments = new Map([[1, ["P=/bin"]]]);
    assert.equal(outlineOf(text, { environments }).args[1]?.value, "/bin");
  });

  it("has the last of a stage, and the nearest of several stages", () => {
    const text = "FROM scratch AS a\nARG x=1\nARG y=1\nARG y=2\nFROM a\nARG x=3\nARG x\n";
    assert.deepEqual(
      outlineOf(text).args.map(({ name, value, range }) => [name, value, range.start.line]),
      [
        ["y", "2", 4],
        ["x", undefined, 7],
      ],
    );
  });

  it("ends, whatever refers to what", () => {
    assert.deepEqual(
      outlineOf("ARG a=$b\nARG b=$a\nARG b=$b\nFROM scratch\nARG b\n").args.map(({ name }) => name),
      ["b"],
    );
    const cycle =
      "FROM scratch AS a\nARG x\nCOPY --from=b x /\nFROM scratch AS b\nARG y\nCOPY --from=a x /\n";
    assert.deepEqual(
      outlineOf(cycle).args.map(({ name }) => name),
      ["x", "y"],
    );
  });

  it("is answered in the form of dockerd 28.5.2", () => {
    const answer = answerOutline(parseDockerfile(staged), outlineOf(staged));
    assert.equal(
      answer["result.txt"],
      `TARGET: two

BUILD ARG    VALUE   DESCRIPTION
v            1       the version
w            1       desc w
z                    
HTTP_PROXY   x       

SECRET   REQUIRED
s        true

SSH   REQUIRED
k     

`,
    );
    const json = JSON.parse(answer["result.json"]);
    assert.deepEqual(json.args[0], {
      name: "v",
      description: "the version",
      value: "1",
      location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] },
    });
    assert.deepEqual(Object.keys(json), ["name", "args", "secrets", "ssh", "sources"]);
    const named = "# two the <second>\nFROM scratch AS two\n";
    const { "result.txt": shown, "result.json": escaped } = answerOutline(
      parseDockerfile(named),
      outlineOf(named),
    );
    assert.equal(shown, "TARGET:      two\nDESCRIPTION: the <second>\n\n");
    assert.match(escaped, /"description": "the \\u003csecond\\u003e"/);
    const bare = "FROM scratch\n";
    assert.deepEqual(JSON.parse(answerOutline(parseDockerfile(bare), outlineOf(bare))["result.json"]), {
      sources: [Buffer.from(bare).toString("base64")],
    });
  });
});

describe("the targets", () => {
  it("are answered in the form of dockerd 28.5.2", () => {
    const { "result.json": json, "result.txt": text } = answerTargets(parseDockerfile(staged));
    assert.equal(text, "TARGET        DESCRIPTION\nbase          the base\ntwo (default) \n");
    const location = (line: number) => ({ ranges: [{ start: { line }, end: { line } }] });
    assert.deepEqual(JSON.parse(json), {
      targets: [
        {
          name: "base",
          description: "the base",
          base: "scratch",
          platform: "linux/amd64",
          location: location(4),
        },
        { name: "two", default: true, base: "base", location: location(9) },
      ],
      sources: [Buffer.from(staged).toString("base64")],
    });
    assert.equal(
      answerTargets(parseDockerfile("FROM a"))["result.txt"],
      "TARGET    DESCRIPTION\n(default) \n",
    );
  });
});

describe("the linter's answer", () => {
  const text = "FROM scratch\nENV a \\\n b\nCMD x\n";
  const warnings = lintDockerfile(parseDockerfile(text), {
    buildArgs: new Map(),
    predefined,
    targetPlatform: { os: "linux", architecture: "amd64" },
  });

  it("has the form of dockerd 28.5.2", () => {
    const answer = answerLint({ text }, "Dockerfile", warnings.toReversed());
    const { warnings: shown, sources, buildError } = JSON.parse(answer["result.json"]);
    assert.deepEqual(
      shown.map(({ ruleName }: { ruleName: string }) => ruleName),
      ["JSONArgsRecommended", "LegacyKeyValueFormat"],
    );
    assert.deepEqual(shown[1].location.ranges, [
      { start: { line: 2 }, end: { line: 2 } },
      { start: { line: 3 }, end: { line: 3 } },
    ]);
    assert.equal(sources[0].filename, "Dockerfile");
    assert.equal(buildError, undefined);
    assert.equal(answer["result.statuscode"], "1");
    assert.equal(
      answer["result.txt"],
      `
WARNING: LegacyKeyValueFormat - https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/
"ENV key=value" should be used instead of legacy "ENV key value" format
Dockerfile:2
--------------------
   1 |     FROM scratch
   2 | >>> ENV a \\
   3 | >>>  b
   4 |     CMD x
--------------------

WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
Dockerfile:4
--------------------
   2 |     ENV a \\
   3 |      b
   4 | >>> CMD x
   5 |     
--------------------
`,
    );
  });

  it("has what the build fails with", () => {
    const none = answerLint({ text }, "Dockerfile", []);
    assert.equal(none["result.statuscode"], "0");
    assert.equal(none["result.txt"], "");
    assert.equal(JSON.parse(none["result.json"]).warnings, null);
    const failed = answerLint({ text }, "Dockerfile", [], { message: "no", range: linesRange(2, 3) });
    assert.deepEqual(JSON.parse(failed["result.json"]).buildError, {
      message: "no",
      location: {
        ranges: [
          { start: { line: 2 }, end: { line: 2 } },
          { start: { line: 3 }, end: { line: 3 } },
        ],
      },
    });
    const unplaced = answerLint({ text }, "Dockerfile", [], { message: "no" });
    assert.deepEqual(JSON.parse(unplaced["result.json"]).buildError, { message: "no", location: {} });
  });

  it("stays within bounds", () => {
    const ports = "EXPOSE 80/TCP \\\n".repeat(5000);
    const wide = `FROM scratch\n${ports}`;
    const found = lintDockerfile(parseDockerfile(wide), {
      buildArgs: new Map(),
      predefined,
      targetPlatform: { os: "linux", architecture: "amd64" },
    });
    assert.equal(found.length, 1000);
    assert.deepEqual(found[0]?.ranges, [linesRange(2, 5001)]);
    const answer = answerLint({ text: wide }, "f", found);
    assert.ok(answer["result.json"].length < 2 ** 20 && answer["result.txt"].length < 2 ** 24);
  });

  it("shows no lines that are not there", () => {
    assert.equal(formatExcerpt("f", ["a", "b"], [linesRange(3, 3)]), undefined);
    assert.equal(formatExcerpt("f", ["a", "b"], []), undefined);
    assert.equal(
      formatExcerpt("f", ["a", "b"], [linesRange(2, 9)]),
      `f:2\n${"-".repeat(20)}\n   1 |     a\n   2 | >>> b\n${"-".repeat(20)}\n`,
    );
  });
});
