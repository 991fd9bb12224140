import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findSyntax } from "../../src/dockerfile/directives.ts";
import { parseDockerfile, parseTrigger } from "../../src/dockerfile/parse.ts";
import { showDockerfile, showRange } from "./show.ts";

const shell = (text: string, heredocs: unknown[] = []) => ({ form: "shell", text, heredocs });
const exec = (...args: string[]) => ({ form: "exec", args });
const heredoc = (name: string, content: string, more = {}) => ({
  name,
  content,
  written: content,
  expands: true,
  chomps: false,
  fileDescriptor: 0,
  ...more,
});
const run = (command: unknown, more = {}) => ({ kind: "run", command, mounts: [], devices: [], ...more });
const transfer = { heredocs: [], exclude: [] };
const copy = (sources: string[], destination: string, more = {}) => ({
  kind: "copy",
  ...transfer,
  sources,
  destination,
  parents: false,
  ...more,
});
const add = (sources: string[], destination: string, more = {}) => ({
  kind: "add",
  ...transfer,
  sources,
  destination,
  keepGitDir: false,
  ...more,
});
const env = (...pairs: [string, string][]) => ({
  kind: "env",
  pairs: pairs.map(([key, value]) => ({ key, value })),
});
const healthCheck = (command: unknown, more = {}) => ({
  kind: "healthcheck",
  command,
  interval: 0,
  timeout: 0,
  startPeriod: 0,
  startInterval: 0,
  retries: 0,
  ...more,
});

/** Behind a line `FROM scratch`. */
const instructions: [text: string, ...parsed: unknown[]][] = [
  ["FROM a", { kind: "from", image: "a" }],
  [
    "from --platform=$BUILDPLATFORM golang:1 aS Build",
    { kind: "from", image: "golang:1", alias: "Build", platform: "$BUILDPLATFORM" },
  ],
  ["RUN", run(shell(""))],
  ["RUN []", run(exec())],
  ["run  a   b ", run(shell("a   b"))],
  [`RUN ["a", "b c"]`, run(exec("a", "b c"))],
  [`RUN ["a"] b`, run(shell(`["a"] b`))],
  ["RUN ['a']", run(shell("['a']"))],
  ["RUN [ -f x ]", run(shell("[ -f x ]"))],
  ["RUN a \\\n  b", run(shell("a   b"))],
  ["RUN a \\  \t\n  b", run(shell("a   b"))],
  ["RUN a \\\n# no\n  # neither\n\n  b", run(shell("a   b"))],
  ["RUN a \\\\\nUSER b", run(shell("a \\\\")), { kind: "user", user: "b" }],
  ["RUN a\\\r\n b\r\n", run(shell("a b"))],
  ["RUN a \\", run(shell("a"))],
  ["RUN a # b", run(shell("a # b"))],
  ["RUN a \\\n# c\nENV a\n", run(shell("a ENV a"))],
  ["RUN a \\\nUSER b", run(shell("a USER b"))],
  ["RUN -- a", run(shell("a"))],
  [
    `RUN --mount=type=cache,target=/x --mount='type=tmpfs,target=/y z' --network=none --security=insecure --device=a/b=c make`,
    run(shell("make"), {
      mounts: ["type=cache,target=/x", "type=tmpfs,target=/y z"],
      network: "none",
      security: "insecure",
      devices: ["a/b=c"],
    }),
  ],
  ["RUN --network=host\tx --mount=y", run(shell("x --mount=y"), { network: "host" })],
  [
    "RUN <<EOF\nx $y\n\n# z\nEOF\nUSER u",
    run(shell("<<EOF", [heredoc("EOF", "x $y\n\n# z\n")])),
    { kind: "user", user: "u" },
  ],
  [
    "RUN <<-'E F' 3<<\"B\" cat\n\tx\n\t\tE F\n y\nB\n",
    run(
      shell(`<<-'E F' 3<<"B" cat`, [
        heredoc("E F", "x\n", { written: "\tx\n", expands: false, chomps: true }),
        heredoc("B", " y\n", { expands: false, fileDescriptor: 3 }),
      ]),
    ),
  ],
  ["RUN cat <<EOF > x\r\na\r\nEOF\r\n", run(shell("cat <<EOF > x", [heredoc("EOF", "a\r\n")]))],
  [`RUN echo "<<EOF"`, run(shell(`echo "<<EOF"`))],
  ["RUN echo \\<<EOF", run(shell("echo \\<<EOF"))],
  ["RUN cat <<<x", run(shell("cat <<<x"))],
  [`RUN ["<<EOF"]`, run(exec("<<EOF"))],
  ["CMD", { kind: "cmd", command: shell("") }],
  [`CMD ["\\u0041"]`, { kind: "cmd", command: exec("A") }],
  [`ENTRYPOINT [ "\\ud800" ]`, { kind: "entrypoint", command: exec("\ufffd") }],
  ["ENTRYPOINT []", { kind: "entrypoint", command: exec() }],
  ["CMD <<EOF", { kind: "cmd", command: shell("<<EOF") }],
  [`SHELL ["/bin/bash", "-c"]`, { kind: "shell", args: ["/bin/bash", "-c"] }],
  ["COPY a b", copy(["a"], "b")],
  [`COPY ["a b", "c"]`, copy(["a b"], "c")],
  [
    `copy --from=0 --chown=$u:g --chmod=u=rwX --link=FALSE --parents --exclude=*.o --exclude=!a.o a b c/`,
    copy(["a", "b"], "c/", {
      from: "0",
      chown: "$u:g",
      chmod: "u=rwX",
      link: false,
      parents: true,
      exclude: ["*.o", "!a.o"],
    }),
  ],
  [`COPY --from="a" --chown='1:2' a b`, copy(["a"], "b", { from: "a", chown: "1:2" })],
  [
    "COPY <<a b <<'c' /d/\n1\na\n2\nc\n",
    copy(["b"], "/d/", { heredocs: [heredoc("a", "1\n"), heredoc("c", "2\n", { expands: false })] }),
  ],
  ["COPY <<$X /a\nq\n$X\n", copy([], "/a", { heredocs: [heredoc("$X", "q\n")] })],
  [
    "COPY <<a <<a /d/\n1\na\n2\na\n",
    copy([], "/d/", { heredocs: [heredoc("a", "2\n"), heredoc("a", "2\n")] }),
  ],
  [`COPY ["<<EOF","/x"]`, copy([], "/x", { heredocs: [heredoc("EOF", "")] })],
  [
    "ADD --keep-git-dir=true --checksum=sha256:a --unpack=false --link http://x/y /",
    add(["http://x/y"], "/", { keepGitDir: true, checksum: "sha256:a", unpack: false, link: true }),
  ],
  ["ENV a b  c=d", env(["a", "b  c=d"])],
  ["ENV '' x", env(["''", "x"])],
  [`ENV a="b c" d='e\\' f=g\\ h i=`, env(["a", `"b c"`], ["d", `'e\\'`], ["f", "g\\ h"], ["i", ""])],
  ["ENV a=b=c\\", env(["a", "b=c"])],
  [
    "LABEL a.b=c \\\n  d=e",
    {
      kind: "label",
      pairs: [
        { key: "a.b", value: "c" },
        { key: "d", value: "e" },
      ],
    },
  ],
  [
    'ARG a b=c d= e="f g"',
    {
      kind: "arg",
      args: [
        { name: "a" },
        { name: "b", value: "c" },
        { name: "d", value: "" },
        { name: "e", value: `"f g"` },
      ],
    },
  ],
  ["ARG --x a", { kind: "arg", args: [{ name: "a" }] }],
  ["EXPOSE 80 443/tcp $p", { kind: "expose", ports: ["$p", "443/tcp", "80"] }],
  ["VOLUME /a /b", { kind: "volume", paths: ["/a", "/b"] }],
  [`VOLUME ["/a b"]`, { kind: "volume", paths: ["/a b"] }],
  ["WORKDIR a b", { kind: "workdir", path: "a b" }],
  ["USER a:b", { kind: "user", user: "a:b" }],
  ["STOPSIGNAL KILL", { kind: "stopsignal", signal: "KILL" }],
  ["MAINTAINER A <a@b>", { kind: "maintainer", author: "A <a@b>" }],
  ["HEALTHCHECK none", healthCheck(undefined)],
  ["HEALTHCHECK --interval=1s NONE", healthCheck(undefined)],
  [
    "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=500ms --start-interval= --retries=03 CMD a  b",
    healthCheck(shell("a  b"), { interval: 90e9, timeout: 1.5e9, startPeriod: 5e8, retries: 3 }),
  ],
  [`HEALTHCHECK cmd ["a"]`, healthCheck(exec("a"))],
  ["ONBUILD FOO x", { kind: "onbuild", text: "FOO x" }],
  ["onbuild   RUN --mount=type=foo a ", { kind: "onbuild", text: "RUN --mount=type=foo a " }],
  ["ONBUILD COPY <<-a /b\n\t1\na\n", { kind: "onbuild", text: "COPY <<-a /b\n\t1\na" }],
];

describe("an instruction parses", () => {
  for (const [text, ...parsed] of instructions)
    it(JSON.stringify(text), () => {
      const [, ...shown] = showDockerfile(`FROM scratch\n${text}`);
      assert.deepEqual(shown, parsed);
    });
});

describe("a Dockerfile", () => {
  it("has global arguments and stages, and instructions at their lines", () => {
    const { globalArgs, stages } = parseDockerfile(
      "ARG v=1 w\n\nFROM a:$v AS Base\nRUN x \\\n\n y\nfrom base\nCOPY <<a /\n1\na\nUSER u",
    );
    assert.deepEqual(
      globalArgs.map(({ args, range }) => [args, showRange(range)]),
      [[[{ name: "v", value: "1" }, { name: "w" }], "1"]],
    );
    assert.deepEqual(
      stages.map(({ index, name, from, instructions }) => [
        index,
        name,
        from.source,
        ...instructions.map((one) => `${one.keyword} ${showRange(one.range)} ${one.source}`),
      ]),
      [
        [0, "base", "FROM a:$v AS Base", "RUN 4-6 RUN x  y"],
        [1, undefined, "from base", "COPY 8-10 COPY <<a /", "USER 11 USER u"],
      ],
    );
  });

  it("has directives in front, each once, in any case, until a line is none", () => {
    const directives = (text: string) => {
      const { syntax, escape: escaper, check } = parseDockerfile(text);
      return [syntax?.reference, syntax?.range.start.line, escaper, check?.value, check?.range.start.line];
    };
    const from = "\nFROM a";
    assert.deepEqual(
      directives(`#SYNTAX = docker/dockerfile:1 x\n# check=skip=A;error=true\n#escape=\`${from}`),
      ["docker/dockerfile:1", 1, "`", "skip=A;error=true", 2],
    );
    const none = [undefined, undefined, "\\", undefined, undefined];
    for (const text of [`# x\n# escape=\`${from}`, `\n# escape=\`${from}`, `# foo=bar\n# escape=\`${from}`])
      assert.deepEqual(directives(text), none, text);
    assert.deepEqual(directives(`\ufeff# syntax=a${from}`), ["a", 1, ...none.slice(2)]);
    // The one of the file's frontend, but not of its escape character, may have a line for the kernel in front.
    assert.deepEqual(directives(`#!/x\n# syntax=a\n# escape=\`${from}`), ["a", 2, ...none.slice(2)]);
    assert.deepEqual(showDockerfile("# escape=`\nFROM a\nRUN b `\n  c\nENV d=e` f\n").slice(1), [
      run(shell("b   c")),
      env(["d", "e` f"]),
    ]);
  });

  it("may name another frontend in other ways", () => {
    const found = (text: string) => findSyntax(text)?.reference;
    assert.equal(found("// syntax=a b\nx"), "a");
    assert.equal(found(`#!/x\n {"syntax": "a"}`), "a");
    for (const text of [`{"syntax": 1}`, `{"syntax": "a"} x`, "{", "", "#!", "//", "x\n# syntax=a"])
      assert.equal(found(text), undefined, text);
  });

  it("has comments that describe what is below them", () => {
    const { stages } = parseDockerfile(
      "# no\n#\n# base what it is\n# more\n\nFROM a AS base\n# v the version\nARG v w=1\n\nUSER u",
    );
    const [arg, user] = stages[0]!.instructions;
    assert.equal(stages[0]!.from.comment, "base what it is\nmore");
    assert.deepEqual(arg?.kind === "arg" && arg.args, [
      { name: "v", comment: "the version" },
      { name: "w", value: "1" },
    ]);
    assert.equal(user?.comment, undefined);
  });

  it("leaves triggers to the build that pulls them", () => {
    assert.deepEqual(parseTrigger("COPY <<a /b\n1\na").kind, "copy");
    for (const [text, message] of [
      ["FOO x", "dockerfile parse error on line 1: unknown instruction: FOO (did you mean FROM?)"],
      ["RUN a\nRUN b", "onbuild trigger should be a single expression"],
      ["FROM a", "FROM isn't allowed as an ONBUILD trigger"],
    ] as const)
      assert.throws(() => parseTrigger(text), { message });
  });
});
