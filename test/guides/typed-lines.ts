import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** A command line of a guide, and what it answers. */
export interface TypedLine {
  /** Where it stands in the file. */
  number: number;
  how: "shell" | "terminal" | "again";
  text: string;
  typed: string[];
  expected: RegExp[];
  unexpected: RegExp[];
  code: number;
}

const signs = { $: "shell", "%": "terminal", "@": "again" } as const;

/** The lines of a part of typed-lines.txt, whose head explains its signs. */
export function readTypedLines(wanted: string): TypedLine[] {
  const lines: TypedLine[] = [];
  let part = "";
  const text = readFileSync(join(import.meta.dirname, "typed-lines.txt"), "utf8");
  for (const [index, written] of text.split("\n").entries()) {
    if (written.startsWith("=== ")) part = written.slice(4);
    if (written === "" || written.startsWith("#") || written.startsWith("===") || part !== wanted) continue;
    const [, sign = "", rest = ""] = /^([$%@<~!=>])(?: (.*))?$/.exec(written) ?? [];
    assert.notEqual(sign, "", `line ${index + 1} has no sign: ${written}`);
    const how = Object.hasOwn(signs, sign) ? signs[sign as keyof typeof signs] : undefined;
    if (how)
      lines.push({ number: index + 1, how, text: rest, typed: [], expected: [], unexpected: [], code: 0 });
    else addTo(lines.at(-1)!, sign, rest);
  }
  assert.ok(lines.length > 0, `typed-lines.txt has no part ${wanted}`);
  return lines;
}

function addTo(line: TypedLine, sign: string, rest: string): void {
  if (sign === ">") line.text += `\n${rest}`;
  else if (sign === "<")
    line.typed.push(rest.replace(/\\x(..)/g, (_, hex) => String.fromCharCode(Number(`0x${hex}`))));
  else if (sign === "~") line.expected.push(new RegExp(rest, "m"));
  else if (sign === "!") line.unexpected.push(new RegExp(rest, "m"));
  else line.code = Number(rest);
}

interface Answer {
  code: number;
  output: string;
}

/**
 * Types all lines in their order.
 * @param folder where the shell begins
 * @param patienceMinutes how long an answer may take
 * @returns what was not answered as it should be, a text for each line
 */
export async function typeAll(
  lines: readonly TypedLine[],
  folder: string,
  patienceMinutes = 3,
): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const limit = 60_000 * patienceMinutes;
  const shell = openShell(folder, limit);
  const wrong: string[] = [];
  try {
    for (const line of lines) {
      const until = performance.now() + (line.how === "again" ? limit : 0);
      let complaint: string | undefined;
      do {
        const answer = await (line.how === "terminal"
          ? typeAtTerminal(line, folder, limit)
          : shell.type(line.text));
        complaint = complain(line, answer);
        if (complaint && performance.now() < until) await sleep(300);
      } while (complaint && performance.now() < until);
      if (complaint) wrong.push(complaint);
    }
  } finally {
    shell.close();
  }
  return wrong;
}

function complain(line: TypedLine, { code, output }: Answer): string | undefined {
  const missing = line.expected.filter((pattern) => !pattern.test(output));
  const odd = line.unexpected.filter((pattern) => pattern.test(output));
  if (code === line.code && missing.length + odd.length === 0) return undefined;
  const said = [`line ${line.number}: ${line.text}`, `exit code ${code}, expected ${line.code}`];
  for (const pattern of missing) said.push(`missing: ${pattern.source}`);
  for (const pattern of odd) said.push(`unexpected: ${pattern.source}`);
  return [...said, output.slice(-2000)].join("\n");
}

/** One bash for all lines that are given, so that its variables and folder stay. */
function openShell(folder: string, limit: number) {
  const child = spawn("bash", ["--norc"], {
    cwd: folder,
    stdio: ["pipe", "ignore", "ignore", "pipe"],
    detached: true,
  });
  const answers = createInterface({ input: child.stdio[3] as Readable })[Symbol.asyncIterator]();
  child.stdin?.write(`DISK=${findDisk}\n`);
  return {
    async type(text: string): Promise<Answer> {
      const file = join(folder, ".answer");
      child.stdin?.write(`{ ${text}\n} >${file} 2>&1 </dev/null 3>&-\nprintf '%s\\n' $? >&3\n`);
      const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), limit);
      const { value, done } = await answers.next();
      clearTimeout(timer);
      const output = readFileSync(file, "utf8");
      if (done)
        throw new Error(`the shell has ended, or was ended after ${limit / 1000} s, at: ${text}\n${output}`);
      return { code: Number(value), output };
    },
    close: () => void child.stdin?.end(),
  };
}

const prompt = /[#$] $/;

/** By script(1), which gives it a terminal. */
async function typeAtTerminal({ text, typed }: TypedLine, folder: string, limit: number): Promise<Answer> {
  const child = spawn("script", ["-qefc", text, "/dev/null"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  let seen = 0;
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    output += part;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), limit);
  const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 137)));
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  for (const keys of typed) {
    for (let tries = 0; !isOver() && !prompt.test(output.slice(seen)); tries++) {
      if (keys === "" && tries % 10 === 9) child.stdin.write("\r");
      await sleep(50);
    }
    if (keys === "") continue;
    seen = output.length;
    child.stdin.write(keys < " " ? keys : `${keys}\r`);
  }
  const code = await ended;
  clearTimeout(timer);
  return { code, output: output.replaceAll("\r", "") };
}

/** Makes the images `ubuntu` and `nginx` of this machine's own programs. Shell, with `docker` as the command. */
export const makeBaseImages = `
docker image make -q busybox
mkdir -p ubuntu/bin nginx
cp /bin/bash ubuntu/bin
for library in $(ldd /bin/bash | grep -o '/[^ ]*'); do mkdir -p ubuntu$(dirname $library) && cp -L $library ubuntu$library; done
printf 'FROM busybox\\nCOPY . /\\nCMD ["/bin/bash"]\\n' | docker build -q -t ubuntu:22.04 -t ubuntu -f - ubuntu
echo '<title>Welcome to nginx!</title>' >nginx/index.html
printf 'FROM ubuntu\\nCOPY index.html /usr/share/nginx/html/\\nEXPOSE 80\\nCMD ["httpd", "-f", "-h", "/usr/share/nginx/html"]\\n' >nginx/Dockerfile
docker build -q -t nginx nginx
`;

/** The other images that the lines start from. */
export const makeServerImages = `
docker image make -q registry && docker tag registry:latest registry:2 && docker rmi registry:latest
docker image make -q ui && docker tag berth-ui portainer/portainer && docker rmi berth-ui
mkdir -p webapp/usr/bin webapp/srv
echo 'Hello world!' >webapp/srv/index.html
printf '#!/bin/sh\\nexec httpd -f -p 5000 -h /srv\\n' >webapp/usr/bin/python && chmod 755 webapp/usr/bin/python
printf 'FROM busybox\\nCOPY . /\\nEXPOSE 5000\\n' >webapp/Dockerfile
docker build -q -t training/webapp webapp
printf 'FROM busybox\\nEXPOSE 5432\\nCMD ["sleep", "100000"]\\n' | docker build -q -t training/postgres -
`;

/** The disk whose limits the lines speak of. */
const findDisk = "/dev/$(awk '$4 ~ /^([hsv]d[a-z]|nvme[0-9]n[0-9])$/ { print $4; exit }' /proc/partitions)";

/** Does what is to be done before, in a folder. @throws Error with what it said when it fails */
export function typeSetUp(script: string, folder: string): void {
  const { status, stdout, stderr } = spawnSync("bash", ["-euc", script], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
}
