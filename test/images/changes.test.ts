import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChanges } from "../../src/images/changes.ts";

test("each instruction changes its part of the config", () => {
  const cases: [string[], object][] = [
    [['CMD ["a", "b c"]'], { Cmd: ["a", "b c"] }],
    [["cmd echo $HOME"], { Cmd: ["/bin/sh", "-c", "echo $HOME"] }],
    [
      ['SHELL ["/bin/bash", "-c"]', "ENTRYPOINT run it"],
      { Shell: ["/bin/bash", "-c"], Entrypoint: ["/bin/bash", "-c", "run it"] },
    ],
    [['ENV A=1 B=\'x y\' C="q\\"z" D=a\\ b'], { Env: ["A=1", "B=x y", 'C=q"z', "D=a b"] }],
    [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the variables are the instruction's
      ["ENV A one two", "ENV A=2", "ENV B=${A}x$A C=${Z:-dflt} D=${A:+set} E='$A'"],
      { Env: ["A=2", "B=2x2", "C=dflt", "D=set", "E=$A"] },
    ],
    [
      ["EXPOSE 80 53/udp 8000-8002/TCP"],
      { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} } },
    ],
    [["LABEL a=1 \"b c\"='d e'", "LABEL a=2"], { Labels: { a: "2", "b c": "d e" } }],
    [['LABEL "a b"=c d=e'], { Labels: { "a b": "c", d: "e" } }],
    [["ONBUILD RUN x", "ONBUILD COPY . /"], { OnBuild: ["RUN x", "COPY . /"] }],
    [["USER 1000:1000"], { User: "1000:1000" }],
    [['VOLUME ["/a", "/b c"]', "VOLUME /d /e"], { Volumes: { "/a": {}, "/b c": {}, "/d": {}, "/e": {} } }],
    [["WORKDIR /a", "WORKDIR b/../c"], { WorkingDir: "/a/c" }],
    [["STOPSIGNAL SIGINT"], { StopSignal: "SIGINT" }],
    [["HEALTHCHECK NONE"], { Healthcheck: { Test: ["NONE"] } }],
    [
      ["HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 --start-period=0s CMD curl localhost"],
      {
        Healthcheck: {
          Test: ["CMD-SHELL", "curl localhost"],
          Interval: 90e9,
          Timeout: 5e8,
          Retries: 3,
          StartPeriod: 0,
        },
      },
    ],
    [['HEALTHCHECK CMD ["x"]'], { Healthcheck: { Test: ["CMD", "x"] } }],
    [["# a comment", "", "USER a\nWORKDIR /b"], { User: "a", WorkingDir: "/b" }],
  ];
  for (const [instructions, config] of cases)
    assert.deepEqual(applyChanges({}, instructions), config, instructions.join());
});

test("the config that was given stays as it was", () => {
  const config = { Env: ["A=1"], Labels: { a: "1" } };
  assert.deepEqual(applyChanges(config, ["ENV A=2", "LABEL b=2"]), {
    Env: ["A=2"],
    Labels: { a: "1", b: "2" },
  });
  assert.deepEqual(config, { Env: ["A=1"], Labels: { a: "1" } });
});

test("what cannot be applied is refused", () => {
  const cases: [string, RegExp][] = [
    ["RUN ls", /^RUN is not a valid change command$/],
    ["toString x", /not a valid change command/],
    ["CMD", /CMD requires at least one argument/],
    ["ENV A", /ENV must have two arguments/],
    ["ENV A=1 B", /Must be of the form: name=value/],
    ["ENV =1", /names can not be blank/],
    ["ENV A='x", /looking for matching quote/],
    ["ENV A=${", /missing brace/],
    ["EXPOSE 0", /invalid containerPort: 0/],
    ["EXPOSE 70000", /invalid containerPort/],
    ["EXPOSE 9-8", /invalid containerPort/],
    ["SHELL /bin/sh", /JSON form/],
    ["USER a b", /exactly one argument/],
    ["HEALTHCHECK --bogus=1 CMD x", /unknown flag: bogus/],
    ["HEALTHCHECK --interval=x CMD x", /invalid duration/],
    ["HEALTHCHECK RUN x", /Unknown type "RUN"/],
    ["HEALTHCHECK CMD", /Missing command/],
  ];
  for (const [instruction, message] of cases)
    assert.throws(() => applyChanges({}, [instruction]), { kind: "invalid", message }, instruction);
});
