// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a Dockerfile has them
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LintInput, lintDockerfile } from "../../src/dockerfile/lint.ts";
import { parseLintOptions } from "../../src/dockerfile/lint-options.ts";
import { lintError, lintSummary } from "../../src/dockerfile/lint-report.ts";
import { lintRules } from "../../src/dockerfile/lint-rules.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";

const predefined = new Map([
  ["BUILDPLATFORM", "linux/amd64"],
  ["TARGETPLATFORM", "linux/amd64"],
  ["TARGETARCH", "amd64"],
]);

function lint(text: string, more: Partial<LintInput> = {}) {
  return lintDockerfile(parseDockerfile(text), {
    buildArgs: new Map(),
    predefined,
    targetPlatform: { os: "linux", architecture: "amd64" },
    isWhole: true,
    ...more,
  });
}

/** `Rule|lines|detail`. */
const shown = (text: string, more: Partial<LintInput> = {}) =>
  lint(text, more).map(
    ({ rule, ranges, detail }) => `${rule}|${ranges.map(({ start }) => start.line).join()}|${detail}`,
  );

/** What `docker build --call=lint,format=json` of dockerd 28.5.2 has to say. */
const files: [text: string, ...warnings: string[]][] = [
  [
    "FROM scratch\nUSER $b${a:?no}\nUSER $c\n",
    "UndefinedVar|2|Usage of undefined variable '$b'",
    "UndefinedVar|2|Usage of undefined variable '$a'",
  ],
  [
    "FROM scratch\nEXPOSE 80/TCP 127.0.0.1:80:80 8080:80 90/Udp $x\n",
    "ExposeInvalidFormat|2|EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
    "ExposeProtoCasing|2|Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
    "ExposeInvalidFormat|2|EXPOSE instruction should not define an IP address or host-port mapping, found '8080:80'",
    "ExposeProtoCasing|2|Defined protocol '90/Udp' in EXPOSE instruction should be lowercase",
  ],
  [
    "FROM scratch\nEXPOSE 80:80/TCP\n",
    "ExposeProtoCasing|2|Defined protocol '80:80/TCP' in EXPOSE instruction should be lowercase",
    "ExposeInvalidFormat|2|EXPOSE instruction should not define an IP address or host-port mapping, found '80:80/TCP'",
  ],
  [
    "FROM scratch AS a\nFROM scratch AS A\nFROM scratch AS context\nFROM scratch as scratch\n",
    "StageNameCasing|2|Stage name 'A' should be lowercase",
    "FromAsCasing|4|'as' and 'FROM' keywords' casing do not match",
    'DuplicateStageName|2|Duplicate stage name "a", stage names should be unique',
    'ReservedStageName|3|Stage name should not use the same name as reserved stage "context"',
    'ReservedStageName|4|Stage name should not use the same name as reserved stage "scratch"',
  ],
  [
    "from scratch AS a\nfrom scratch as b\nfrom scratch As c\nFrom scratch As d\n",
    "FromAsCasing|1|'AS' and 'from' keywords' casing do not match",
    "FromAsCasing|3|'As' and 'from' keywords' casing do not match",
    "ConsistentInstructionCasing|4|Command 'From' should match the case of the command majority (lowercase)",
  ],
  [
    "FROM $a\n",
    "InvalidDefaultArgInFrom|1|Default value for ARG $a results in empty or invalid base image name",
    "UndefinedArgInFrom|1|FROM argument 'a' is not declared",
  ],
  [
    "ARG a\nFROM $a\n",
    "InvalidDefaultArgInFrom|2|Default value for ARG $a results in empty or invalid base image name",
  ],
  ["ARG a=\nFROM scratch$a$b\n", "UndefinedArgInFrom|2|FROM argument 'b' is not declared (did you mean a?)"],
  [
    "ARG bar=x\nFROM scratch$baz\n",
    "UndefinedArgInFrom|2|FROM argument 'baz' is not declared (did you mean bar?)",
  ],
  [
    "FROM --platform=linux/amd64 scratch\n",
    'FromPlatformFlagConstDisallowed|1|FROM --platform flag should not use constant value "linux/amd64"',
  ],
  ["FROM --platform=linux/amd64 scratch AS my-amd64\n"],
  [
    "FROM --platform=$TARGETPLATFORM scratch\n",
    "RedundantTargetPlatform|1|Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
  ],
  [
    "FROM --platform=${TARGETPLATFORM:-x} scratch\n",
    "RedundantTargetPlatform|1|Setting platform to predefined ${TARGETPLATFORM:-x} in FROM is redundant as this is the default behavior",
  ],
  ["FROM --platform=$BUILDPLATFORM scratch\n"],
  ["FROM --platform=linux/$TARGETARCH scratch\n"],
  ["FROM --platform=$foo scratch\n", "UndefinedArgInFrom|1|FROM argument 'foo' is not declared"],
  [
    "FROM --platform=linux scratch\n",
    'FromPlatformFlagConstDisallowed|1|FROM --platform flag should not use constant value "linux"',
  ],
  [
    "FROM scratch\nARG token\nENV MY_PASSWORD=x public_key=y\nENV secrets=x apikey_file=y KEY=z\nARG github_token_version\n",
    'SecretsUsedInArgOrEnv|2|Do not use ARG or ENV instructions for sensitive data (ARG "token")',
    'SecretsUsedInArgOrEnv|3|Do not use ARG or ENV instructions for sensitive data (ENV "MY_PASSWORD")',
    'SecretsUsedInArgOrEnv|4|Do not use ARG or ENV instructions for sensitive data (ENV "apikey_file")',
    'SecretsUsedInArgOrEnv|4|Do not use ARG or ENV instructions for sensitive data (ENV "KEY")',
    'SecretsUsedInArgOrEnv|5|Do not use ARG or ENV instructions for sensitive data (ARG "github_token_version")',
  ],
  [
    "FROM scratch\nMAINTAINER x\n",
    "MaintainerDeprecated|2|Maintainer instruction is deprecated in favor of using label",
  ],
  [
    "FROM scratch\nWORKDIR a\nWORKDIR b\n",
    'WorkdirRelativePath|2|Relative workdir "a" can have unexpected results if the base image changes',
  ],
  ["FROM scratch\nWORKDIR /a\nWORKDIR b\n"],
  ["FROM scratch AS a\nWORKDIR /a\nFROM a\nWORKDIR b\n"],
  [
    "FROM scratch\nWORKDIR $x\n",
    "UndefinedVar|2|Usage of undefined variable '$x'",
    'WorkdirRelativePath|2|Relative workdir "" can have unexpected results if the base image changes',
  ],
  [
    "FROM scratch\nENTRYPOINT x\nHEALTHCHECK CMD a\nHEALTHCHECK NONE\nENTRYPOINT y\n",
    "JSONArgsRecommended|2|JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals",
    "MultipleInstructionsDisallowed|3|Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used",
    "MultipleInstructionsDisallowed|2|Multiple ENTRYPOINT instructions should not be used in the same stage because only the last one will be used",
    "JSONArgsRecommended|5|JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals",
  ],
  ['FROM scratch\nSHELL ["a"]\nCMD x\n'],
  [
    "FROM scratch\nCMD x\nFROM scratch\nCMD y\n",
    "JSONArgsRecommended|2|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
    "JSONArgsRecommended|4|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
  ],
  [
    "FROM scratch\nLABEL a b\nENV c d\n",
    'LegacyKeyValueFormat|2|"LABEL key=value" should be used instead of legacy "LABEL key value" format',
    'LegacyKeyValueFormat|3|"ENV key=value" should be used instead of legacy "ENV key value" format',
  ],
  ["FROM scratch\nONBUILD CMD x\nONBUILD env a b\n"],
  [
    "FROM scratch AS a\nONBUILD CMD x\nFROM a\n",
    "JSONArgsRecommended|3|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
  ],
  [
    "FROM scratch\nCOPY $a $a /x\nUSER $u\nRUN echo $r\nLABEL a=$PAT\nVOLUME $v\nSTOPSIGNAL $s\nADD --chown=$o x /y\nEXPOSE $e\n",
    "UndefinedVar|2|Usage of undefined variable '$a'",
    "UndefinedVar|2|Usage of undefined variable '$a'",
    "UndefinedVar|3|Usage of undefined variable '$u'",
    "UndefinedVar|5|Usage of undefined variable '$PAT' (did you mean $PATH?)",
    "UndefinedVar|6|Usage of undefined variable '$v'",
  ],
  [
    "FROM scratch\nARG a\nENV b=$a\nARG c=$d\nENV e=${f:-x}\n",
    "UndefinedVar|4|Usage of undefined variable '$d' (did you mean $b?)",
    "UndefinedVar|5|Usage of undefined variable '$f' (did you mean $b?)",
  ],
  ["FROM scratch\nARG x=$y\nARG y=1\n", "UndefinedVar|2|Usage of undefined variable '$y'"],
  [
    "FROM scratch\nRUN --mount=type=cache,target=/$q,id=$w x\n",
    "UndefinedVar|2|Usage of undefined variable '$q'",
    "UndefinedVar|2|Usage of undefined variable '$w'",
  ],
  [
    "FROM scratch\nCOPY <<EOF /x\n$h ${i}\nEOF\n",
    "UndefinedVar|2,3,4|Usage of undefined variable '$h'",
    "UndefinedVar|2,3,4|Usage of undefined variable '$i'",
  ],
  ["FROM scratch\nCOPY <<'EOF' /x\n$h\nEOF\n"],
  [
    "FROM scratch\nENV a=$HTTP_PROXY b=$TARGETPLATFORM\n",
    "UndefinedVar|2|Usage of undefined variable '$HTTP_PROXY'",
    "UndefinedVar|2|Usage of undefined variable '$TARGETPLATFORM'",
  ],
  [
    "FROM scratch\nARG TARGETPLATFORM\nENV b=$TARGETPLATFORM c=$TARGETARCH\n",
    "UndefinedVar|3|Usage of undefined variable '$TARGETARCH'",
  ],
  ["# check=skip=all\nFROM scratch\nCMD x\n"],
  [
    "# check=skip=JSONArgsRecommended\nFROM scratch as A\nCMD x\n",
    "StageNameCasing|2|Stage name 'A' should be lowercase",
    "FromAsCasing|2|'as' and 'FROM' keywords' casing do not match",
  ],
  [
    "# check=error=true\nFROM scratch\nCMD x\n",
    "JSONArgsRecommended|3|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
  ],
  [
    "# check=error=true;skip=StageNameCasing,FromAsCasing;experimental=all\n# foo\nFROM scratch\nARG x\n# y\nARG y\nCMD y\n",
    "JSONArgsRecommended|7|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
  ],
  [
    "# check=experimental=InvalidDefinitionDescription\n# foo\nFROM scratch AS bar\n# q\nARG q\n# q x\nARG q\n# q x\n# r\nARG q r\n",
    "InvalidDefinitionDescription|3|Comment for FROM should follow the format: `# bar <description>`",
  ],
  [
    "FROM scratch AS a\nCMD x\nFROM scratch AS b\nCMD y\n",
    "JSONArgsRecommended|2|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
    "JSONArgsRecommended|4|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
  ],
  [
    "FROM scratch\nCOPY --chown=$a --chmod=$b x$c $d\n",
    "UndefinedVar|2|Usage of undefined variable '$a'",
    "UndefinedVar|2|Usage of undefined variable '$b'",
    "UndefinedVar|2|Usage of undefined variable '$c'",
    "UndefinedVar|2|Usage of undefined variable '$d'",
  ],
  [
    "FROM scratch\nADD --checksum=sha256:$a --chown=$b --chmod=$q --exclude=$e --link x$c $d\n",
    "UndefinedVar|2|Usage of undefined variable '$b'",
    "UndefinedVar|2|Usage of undefined variable '$q'",
    "UndefinedVar|2|Usage of undefined variable '$a'",
    "UndefinedVar|2|Usage of undefined variable '$c'",
    "UndefinedVar|2|Usage of undefined variable '$d'",
  ],
  [
    "FROM scratch\nENV $a=$b $c=$d\nLABEL $e=$f\n",
    "UndefinedVar|2|Usage of undefined variable '$a'",
    "UndefinedVar|2|Usage of undefined variable '$b'",
    "UndefinedVar|2|Usage of undefined variable '$c'",
    "UndefinedVar|2|Usage of undefined variable '$d'",
    "UndefinedVar|3|Usage of undefined variable '$e'",
    "UndefinedVar|3|Usage of undefined variable '$f'",
  ],
  [
    "FROM scratch\nSTOPSIGNAL SIG$a\nENV x=\"$PATH:${p}\" y='$q' z=\\$r\nONBUILD ENV a=$b\n",
    "UndefinedVar|2|Usage of undefined variable '$a'",
  ],
  ["FROM scratch\nEXPOSE 80/foo/BAR\n"],
  [
    "FROM scratch\nEXPOSE a/TCP\n",
    "ExposeProtoCasing|2|Defined protocol 'a/TCP' in EXPOSE instruction should be lowercase",
  ],
  [
    "FROM scratch\nEXPOSE 1:2:3:4:80\n",
    "ExposeInvalidFormat|2|EXPOSE instruction should not define an IP address or host-port mapping, found '1:2:3:4:80'",
  ],
  ["FROM scratch\nEXPOSE 80/ 90/TCP/x\n"],
  [
    "FROM scratch AS b\nARG a\nENV e=1\nFROM b\nENV x=$a y=$e z=$n\n",
    "UndefinedVar|5|Usage of undefined variable '$n' (did you mean $e?)",
  ],
  ["FROM scratch\nARG z\nENV y=$q\n", "UndefinedVar|3|Usage of undefined variable '$q'"],
  [
    "# check=experimental=all\n# x\nFROM scratch As Foo\nENV a \\\n\n b\nenv token=x c=$d\nCMD a\nCMD b\n",
    "NoEmptyContinuation|6|Empty continuation line",
    "StageNameCasing|3|Stage name 'Foo' should be lowercase",
    "FromAsCasing|3|'As' and 'FROM' keywords' casing do not match",
    "InvalidDefinitionDescription|3|Comment for FROM should follow the format: `# foo <description>`",
    "ConsistentInstructionCasing|7|Command 'env' should match the case of the command majority (uppercase)",
    'LegacyKeyValueFormat|4,5,6|"ENV key=value" should be used instead of legacy "ENV key value" format',
    "UndefinedVar|7|Usage of undefined variable '$d' (did you mean $a?)",
    'SecretsUsedInArgOrEnv|7|Do not use ARG or ENV instructions for sensitive data (ENV "token")',
    "JSONArgsRecommended|8|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
    "MultipleInstructionsDisallowed|8|Multiple CMD instructions should not be used in the same stage because only the last one will be used",
    "JSONArgsRecommended|9|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
  ],
  [
    "FROM scratch\nRUN <<EOF\na\nEOF\nRUN a \\\n\n b <<EOF\nq\nEOF\n",
    "NoEmptyContinuation|7|Empty continuation line",
  ],
  [
    "FROM scratch\nENV a=1\nARG a=$b\nENV c=${a#x} d=${g:+y}\n",
    "UndefinedVar|3|Usage of undefined variable '$b' (did you mean $a?)",
    "UndefinedVar|4|Usage of undefined variable '$g' (did you mean $a?)",
  ],
  ["ARG v=$w\nFROM scratch\n"],
  ["ARG v=1\nFROM scratch\nENV a=$v\nARG v\nENV b=$v\n", "UndefinedVar|3|Usage of undefined variable '$v'"],
  [
    "FROM UPPER\n",
    "InvalidDefaultArgInFrom|1|Default value for ARG UPPER results in empty or invalid base image name",
  ],
];

describe("the linter", () => {
  it("finds what BuildKit's does, in its order", () => {
    for (const [text, ...warnings] of files) assert.deepEqual(shown(text), warnings, text);
  });

  it("describes its rules as BuildKit does", () => {
    const [warning] = lint("FROM scratch\nCMD x");
    assert.deepEqual(warning, {
      rule: "JSONArgsRecommended",
      description:
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
      url: "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
      detail: "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
      ranges: [{ start: { line: 2, character: 0 }, end: { line: 2, character: 0 } }],
    });
    assert.equal(
      lintSummary(warning!),
      "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 2)",
    );
    assert.equal(Object.keys(lintRules).length, 22);
  });

  it("looks at what the target needs, or at everything", () => {
    const text = "FROM scratch AS a\nCMD x\nFROM scratch AS b\nCMD y\nFROM scratch\nCOPY --from=A x /\n";
    const lines = (more: Partial<LintInput>) => lint(text, more).map(({ ranges }) => ranges[0]!.start.line);
    assert.deepEqual(lines({}), [2, 4]);
    assert.deepEqual(lines({ target: "B" }), [4]);
    assert.deepEqual(lines({ isWhole: false }), [2]);
    assert.deepEqual(lines({ target: "none" }), []);
    assert.deepEqual(lines({ target: "1" }), [], "a number is no name");
  });

  it("knows the build's arguments and the base image", () => {
    const arg = "ARG a\nFROM $a\n";
    const given = { buildArgs: new Map([["a", "scratch"]]) };
    assert.deepEqual(shown(arg, given), [
      "InvalidDefaultArgInFrom|2|Default value for ARG $a results in empty or invalid base image name",
    ]);
    const base = {
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
      env: ["A=1", "B"],
      hasShell: true,
      onBuild: ["ENV token=$C", "CMD x"],
    };
    const text = "FROM debian\nENV C=$A D=$B E=$E\nCMD x\n";
    assert.deepEqual(shown(text, { bases: new Map([[0, base]]) }), [
      'InvalidBaseImagePlatform|1|Base image debian was pulled with platform "linux/arm64/v8", expected "linux/amd64" for current build',
      "UndefinedVar|1|Usage of undefined variable '$C' (did you mean $A?)",
      'SecretsUsedInArgOrEnv|1|Do not use ARG or ENV instructions for sensitive data (ENV "token")',
      "UndefinedVar|2|Usage of undefined variable '$E' (did you mean $A?)",
      "MultipleInstructionsDisallowed|1|Multiple CMD instructions should not be used in the same stage because only the last one will be used",
    ]);
    const platform = "FROM --platform=$BUILDPLATFORM debian\n";
    assert.deepEqual(shown(platform, { bases: new Map([[0, { ...base, onBuild: [] }]]) }), [
      'InvalidBaseImagePlatform|1|Base image debian was pulled with platform "linux/arm64/v8", expected "linux/amd64" for current build',
    ]);
    // Of an image that is not known yet, any variable may be set.
    assert.deepEqual(shown(text), [
      "JSONArgsRecommended|3|JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
    ]);
  });

  it("finds files that .dockerignore leaves out, when asked to", () => {
    const text =
      "FROM scratch\nARG n=a\nCOPY ./$n/ b /x/\nADD b http://a/b /\nCOPY --from=x b /\nCOPY a* /\n";
    const ignorePatterns = ["b", "a"];
    assert.deepEqual(shown(text, { ignorePatterns }), []);
    const asked = `# check=experimental=CopyIgnoredFile\n${text}`;
    assert.deepEqual(shown(asked, { ignorePatterns }), [
      'CopyIgnoredFile|4|Attempting to Copy file "./a/" that is excluded by .dockerignore',
      'CopyIgnoredFile|4|Attempting to Copy file "b" that is excluded by .dockerignore',
      'CopyIgnoredFile|5|Attempting to Add file "b" that is excluded by .dockerignore',
    ]);
    assert.deepEqual(shown(asked, { ignorePatterns: [...ignorePatterns, "!c"] }), []);
  });

  it("does as the file, or in its place the build, says", () => {
    const options = "# check=skip=all\nFROM scratch AS A\nCMD x\n";
    const rules = (check: string) =>
      lint(options, { buildArgs: new Map([["BUILDKIT_DOCKERFILE_CHECK", check]]) }).map(({ rule }) => rule);
    assert.deepEqual(shown(options), []);
    assert.deepEqual(rules("error=true"), ["StageNameCasing", "JSONArgsRecommended"]);
    assert.deepEqual(rules(" skip = StageNameCasing , x ;error=0"), ["JSONArgsRecommended"]);
    assert.deepEqual(rules("skip=all;experimental=all"), []);
    const warnings = lint("FROM scratch AS A\nCMD x\nCMD y\n");
    assert.equal(
      lintError(warnings, parseLintOptions("error=true")),
      "lint violation found for rules: JSONArgsRecommended, MultipleInstructionsDisallowed, StageNameCasing",
    );
    assert.equal(lintError(warnings, parseLintOptions("error=false")), undefined);
    assert.equal(lintError([], parseLintOptions("error=true")), undefined);
    for (const [text, message] of [
      ["foo=bar", 'invalid check option "foo"'],
      ["skip", 'invalid check option "skip"'],
      ["error=x", 'failed to parse check option "error=x": strconv.ParseBool: parsing "x": invalid syntax'],
    ] as const)
      assert.throws(() => parseLintOptions(text), {
        kind: "invalid",
        message: `failed to parse check options: ${message}`,
      });
  });
});
