// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a Dockerfile has them
import assert from "node:assert/strict";
import { answerLint, answerOutline, answerTargets } from "../../src/dockerfile/answers.ts";
import { findSyntax } from "../../src/dockerfile/directives.ts";
import type { Dockerfile } from "../../src/dockerfile/instructions.ts";
import { lintDockerfile } from "../../src/dockerfile/lint.ts";
import { outlineDockerfile } from "../../src/dockerfile/outline.ts";
import { parseDockerfile, parseTrigger } from "../../src/dockerfile/parse.ts";
import { DockerfileError } from "../../src/dockerfile/parse-error.ts";
import { compileIgnorePatterns, parseIgnoreFile } from "../../src/formats/ignore-patterns.ts";
import type { Random } from "../random.ts";
import type { Target } from "./target.ts";
import { oddWords, spoil } from "./words.ts";

const keywords = (
  "FROM ARG ENV LABEL RUN COPY ADD CMD ENTRYPOINT WORKDIR USER EXPOSE VOLUME STOPSIGNAL SHELL HEALTHCHECK ONBUILD " +
  "MAINTAINER from Copy FOO ONBUILD\tRUN"
).split(" ");

const words = [
  "scratch",
  "a",
  "a AS b",
  "b as C",
  "=",
  "a=b",
  "a=$b",
  "a b c",
  '"x y"',
  "'x y'",
  '"',
  "'",
  "\\",
  "`",
  "\\\n",
  "`\n",
  "\\ \n# c\n",
  "\\\n\n",
  "\n",
  "\r\n",
  "#",
  "# a b\n",
  "$a",
  "$$",
  "${a}",
  "${a",
  "${a:-b}",
  "${a:+${b}}",
  "${a:?no}",
  "${a#*x}",
  "${a%%?}",
  "${a//x/y}",
  "${a/\\*/",
  "<<EOF",
  "<<-'EOF'",
  '3<<"E F"',
  "\nx $a\nEOF\n",
  "\n\tEOF\n",
  '["a", "b"]',
  '["a",',
  "[1]",
  "[]",
  "--from=b",
  "--from=0",
  "--chown=$a",
  "--link",
  "--exclude=*",
  "--mount=type=cache,target=/x",
  "--mount=type=secret,id=a,env=B",
  "--mount=from=b,",
  "--network=none",
  "--device=a,required",
  "--platform=$TARGETPLATFORM",
  "--platform=linux/amd64",
  "--interval=1s",
  "--retries=3",
  "--",
  "CMD",
  "NONE",
  "80/TCP",
  "1:2:80",
  "\ufeff",
  "\u0085",
  "\u2028",
];

/** Each with a word of its own behind it. */
const sound = [
  "FROM b AS",
  "ARG a=",
  "ARG b=$",
  "ENV a=b c=",
  "ENV a",
  "LABEL x=y z=",
  "RUN echo",
  "RUN --mount=type=cache,target=/x,id=",
  "RUN <<EOF\na $b\nEOF\nUSER",
  "COPY --from=b a",
  "COPY --chown=$a --chmod=755 <<X b\nx $a\nX\nADD a b",
  "CMD",
  "ENTRYPOINT",
  "WORKDIR",
  "USER",
  "EXPOSE",
  "VOLUME",
  'SHELL ["a", "b"]\nCMD',
  "HEALTHCHECK --interval=5s CMD",
  "ONBUILD ENV",
  "# a comment\n\n",
];

const heads = [
  "",
  "",
  "\ufeff",
  "# syntax=docker/dockerfile:1\n",
  "# escape=`\n",
  "# check=skip=all;experimental=all\n",
  "# check=experimental=all;error=true\n",
  "#!/x\n",
  '{"syntax":"a"}',
];

function randomText(random: Random): string {
  const instruction = () => {
    if (random.next() < 0.8) return `${random.pick(sound)} ${random.pick(words)}\n`;
    const count = random.between(0, 5);
    const rest = Array.from({ length: count }, () => random.pick(random.next() < 0.9 ? words : oddWords));
    return `${random.pick(keywords)} ${rest.join(random.pick([" ", " ", ""]))}\n`;
  };
  // Once in a while something long, which takes long when a step is repeated for each character.
  if (random.next() < 0.002)
    return `FROM scratch\n${instruction().trim()} ${random.pick(words).repeat(10_000)}`;
  if (random.next() < 0.001) return randomNames(random);
  const lines = Array.from({ length: random.between(0, 6) }, instruction);
  const text = random.pick(heads) + (random.next() < 0.8 ? "FROM scratch AS b\n" : "") + lines.join("");
  return random.next() < 0.1 ? spoil(random, text) : text;
}

/** Many names, and many that are nearly one of them: what was meant is looked for. */
function randomNames(random: Random): string {
  const middle = "n".repeat(random.pick([3, 240, 10_000]));
  const count = Math.min(2000, Math.ceil(100_000 / middle.length));
  const names = Array.from({ length: count }, (_, at) => `${at}`);
  const keyword = random.pick(["ENV", "ARG"]);
  const known = names.map((name) => `${keyword} A${middle}${name}=1\n`).join("");
  return `FROM scratch\n${known}${names.map((name) => `USER $B${middle}${name}\n`).join("")}`;
}

/** Dockerfiles, and all that is asked of them without a build; patterns of .dockerignore as well. */
export const dockerfile: Target = {
  name: "dockerfile",
  smallCount: 10_000,
  mostMilliseconds: 3000,
  open: () => ({
    attempt(random) {
      const text = randomText(random);
      findSyntax(text);
      tryPatterns(text);
      tryDockerfile(random, text);
    },
  }),
};

function tryPatterns(text: string): void {
  for (const pattern of parseIgnoreFile(text).slice(0, 20)) {
    if (pattern === "!" || /[[\\]/.test(pattern)) continue;
    const patterns = compileIgnorePatterns([pattern]);
    patterns.isIgnored("a/b/c.go");
    patterns.mayHoldException("a");
  }
}

function tryDockerfile(random: Random, text: string): void {
  const parsed = parseAt(text);
  const input = {
    buildArgs: new Map(random.next() < 0.5 ? [["a", random.pick(words)]] : []),
    predefined: new Map([["TARGETPLATFORM", "linux/amd64"]]),
  };
  const platform = { os: "linux", architecture: "amd64" };
  const warnings = lintDockerfile(parsed, {
    ...input,
    targetPlatform: platform,
    isWhole: random.next() < 0.5,
    bases: new Map([[0, { platform, env: ["a=1"], hasShell: false, onBuild: ["RUN a"] }]]),
    ignorePatterns: ["a"],
  });
  JSON.parse(answerLint(parsed, "f", warnings)["result.json"]);
  answerTargets(parsed);
  answerOutline(parsed, outlineDockerfile(parsed, input));
}

/** What is wrong, or what it says, is at lines that there are, and a part of the instructions in the order of the file. */
function parseAt(text: string): Dockerfile {
  const lines = text.split("\n").length;
  try {
    const parsed = parseDockerfile(text);
    let last = 0;
    for (const { from, instructions } of parsed.stages)
      for (const { range } of [from, ...instructions]) {
        assert.ok(last < range.start.line && range.start.line <= range.end.line && range.end.line <= lines);
        last = range.end.line;
      }
    for (const { instructions } of parsed.stages)
      for (const one of instructions) if (one.kind === "onbuild") ignoreRefusal(() => parseTrigger(one.text));
    return parsed;
  } catch (error) {
    if (error instanceof DockerfileError && error.range) assert.ok(error.range.end.line <= lines);
    throw error;
  }
}

function ignoreRefusal(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
  }
}
