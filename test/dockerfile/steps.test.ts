// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a Dockerfile has them
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseExposedPorts } from "../../src/dockerfile/exposed-ports.ts";
import type { Run } from "../../src/dockerfile/instructions.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { readRunScript } from "../../src/dockerfile/run-script.ts";
import { stepText } from "../../src/dockerfile/step-text.ts";

const instructionsOf = (text: string) => parseDockerfile(`FROM scratch\n${text}`).stages[0]!.instructions;

/** As dockerd 28.5.2 shows and runs them, with v=1 and e=5. */
const steps: [text: string, shown: string, script?: unknown][] = [
  ["RUN <<EOF\necho $e\n\nEOF", "RUN <<EOF (echo 5)", { kind: "shell", text: "echo $e\n\n" }],
  ['RUN <<-"E F"\n\techo tab\n\tE F', 'RUN <<-"E F" (echo tab)', { kind: "shell", text: "echo tab\n" }],
  [
    "RUN cat <<A <<-B 3<<C && echo $v\na $e\nA\n\tb\n\tB\nc\nC",
    "RUN cat <<A <<-B 3<<C && echo 1",
    { kind: "shell", text: "cat <<A <<-B 3<<C && echo $v\na $e\nA\n\tb\nB\nc\nC" },
  ],
  [
    "RUN <<X\n#!/bin/sh\necho $0\nX",
    "RUN <<X (#!/bin/sh...)",
    { kind: "program", name: "X", content: "#!/bin/sh\necho $0\n" },
  ],
  ["RUN <<X\n\n\r\na\r\nb\nX", "RUN <<X (a...)", { kind: "shell", text: "\n\r\na\r\nb\n" }],
  [
    `RUN echo  "$v"   $e '$e' $nope \\\n   two`,
    `RUN echo  "1"   5 '$e' $nope    two`,
    { kind: "shell", text: `echo  "$v"   $e '$e' $nope    two` },
  ],
  ['RUN ["echo", "$e"]', 'RUN ["echo", "5"]'],
  ["run echo low", "RUN echo low", { kind: "shell", text: "echo low" }],
  ["RUN", "RUN", { kind: "shell", text: "" }],
  ["RUN echo '$e", "RUN echo '$e", { kind: "shell", text: "echo '$e" }],
  [
    "RUN --mount=type=tmpfs,target=/t --network=none echo mounted $e",
    "RUN --mount=type=tmpfs,target=/t --network=none echo mounted 5",
    { kind: "shell", text: "echo mounted $e" },
  ],
  [
    "RUN --mount=type=secret,id=s,env=e echo $e",
    "RUN --mount=type=secret,id=s,env=e echo ****",
    { kind: "shell", text: "echo $e" },
  ],
  ["COPY <<F a <<'G' /dst/\nx\nF\ny\nG", "COPY <<F a <<G /dst/"],
  ["COPY --chown=1:$e --chmod=0$e a$nope /x/", "COPY --chown=1:5 --chmod=05 a /x/"],
  ["WORKDIR $e", "WORKDIR 5"],
];

describe("a step", () => {
  it("is shown as BuildKit shows it", () => {
    const values = new Map([
      ["v", "1"],
      ["e", "5"],
    ]);
    for (const [text, shown] of steps) {
      const [instruction] = instructionsOf(text);
      assert.equal(
        stepText(instruction!, (name) => values.get(name), { escape: "\\" }),
        shown,
        text,
      );
    }
  });

  it("runs what BuildKit runs", () => {
    for (const [text, , script] of steps.filter((step) => step.length === 3)) {
      const { command } = instructionsOf(text)[0] as Run;
      assert.deepEqual(command.form === "shell" && readRunScript(command), script, text);
    }
  });
});

/** As dockerd 28.5.2 reads them. */
const ports: [word: string, ports: string | string[]][] = [
  ["80", ["80/tcp"]],
  ["080", ["80/tcp"]],
  ["+80", ["80/tcp"]],
  ["0", ["0/tcp"]],
  ["80/", ["80/tcp"]],
  ["80/UDP", ["80/udp"]],
  ["90-92/sctp", ["90/sctp", "91/sctp", "92/sctp"]],
  ["8080:80", ["80/tcp"]],
  [":80", ["80/tcp"]],
  ["80-90:80", ["80/tcp"]],
  ["80-81:90-91", ["90/tcp", "91/tcp"]],
  ["127.0.0.1:1:81", ["81/tcp"]],
  ["1.2.3.4::80", ["80/tcp"]],
  ["1::2:80:81", ["81/tcp"]],
  ["[::1]:80:80", ["80/tcp"]],
  ["80-79", "invalid containerPort: 80-79"],
  ["70000", "invalid containerPort: 70000"],
  ["a", "invalid containerPort: a"],
  ["1-2-3", "invalid containerPort: 1-2-3"],
  ["80--81", "invalid containerPort: 80--81"],
  ["80-", "invalid containerPort: 80-"],
  ["0x50", "invalid containerPort: 0x50"],
  ["/tcp", 'invalid port: "/tcp": no port specified'],
  ["80:", 'invalid port: "80:": no port specified'],
  ["80/foo", 'invalid port: "80/foo": invalid proto: foo'],
  ["80/TCP/x", 'invalid port: "80/TCP/x": invalid proto: TCP/x'],
  ["1.2.3:80:80", "invalid IP address: 1.2.3"],
  ["a:1:80", "invalid IP address: a"],
  ["[1::2:80:81", "invalid IP address [1::2: address [1::2:: missing ']' in address"],
  ["x:80", "invalid hostPort: x"],
  ["80-81:90-92", "invalid ranges specified for container and host Ports: 90-92 and 80-81"],
  ["8080:80-81", "invalid ranges specified for container and host Ports: 80-81 and 8080"],
];

describe("ports of EXPOSE", () => {
  it("are read, or refused, in BuildKit's words", () => {
    for (const [word, expected] of ports)
      if (typeof expected !== "string") assert.deepEqual(parseExposedPorts(word), expected, word);
      else assert.throws(() => parseExposedPorts(word), { kind: "invalid", message: expected });
  });
});
