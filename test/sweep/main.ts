// `npm run sweep`: the same command lines with berth and with a real docker, and where what they say differs.
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startEngine } from "../engine.ts";
import { findExplanation, type Outcome } from "./compare.ts";
import { explanations } from "./explained.ts";
import { lines } from "./lines.ts";
import { normalize } from "./normalize.ts";

/** `paths` is a folder of the host that only this program's lines name, as `{host}`. */
type Program = { command: string; env: Record<string, string>; paths: string };

const mostMilliseconds = 20_000;
const [peer = "", only = "", listing = ""] = process.argv.slice(2);
const engine = await startEngine();
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const berth: Program = {
  command: `${process.execPath} -- ${main}`,
  env: { BERTH_HOST: engine.host },
  paths: `${engine.folder}/ours`,
};
const docker: Program = {
  command: `${peer}/docker`,
  env: { DOCKER_HOST: `unix://${peer}/docker.sock` },
  paths: `${engine.folder}/theirs`,
};
for (const { paths } of [berth, docker]) mkdirSync(paths);

/** Runs a shell's line, in which `{}` is the program. */
function run({ command, env, paths }: Program, line: string): Promise<Outcome> {
  const settle = (text: string) => normalize(text.replaceAll(paths, "/HOST"), line);
  return new Promise((resolve) => {
    const shell = spawn("sh", ["-c", line.replaceAll("{}", command).replaceAll("{host}", paths)], {
      env: { ...process.env, DOCKER_CONFIG: "/nonexistent", ...env },
      cwd: engine.folder,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const outcome = { code: 0, stdout: "", stderr: "" };
    shell.stdout.on("data", (chunk) => {
      outcome.stdout += chunk;
    });
    shell.stderr.on("data", (chunk) => {
      outcome.stderr += chunk;
    });
    const timer = setTimeout(() => process.kill(-(shell.pid ?? 0), "SIGKILL"), mostMilliseconds);
    shell.on("close", (code) => {
      clearTimeout(timer);
      resolve({
        code: code ?? 999,
        stdout: settle(outcome.stdout),
        stderr: settle(outcome.stderr),
      });
    });
    shell.stdin.on("error", () => {});
    shell.stdin.end();
  });
}

/** Containers, a volume and a network that the lines are about; made again for each, should a line have taken them away. */
const fixture = [
  "{} start box || { {} rm -f box; {} run -d --name box --stop-timeout 0 busybox sleep 100000; }",
  "{} inspect gone || {} run --name gone busybox echo gone",
  "{} inspect made || {} create --name made busybox true",
  "{} volume inspect vol || {} volume create vol",
  "{} network inspect net || {} network create net",
].join("; ");

async function both(line: string): Promise<[Outcome, Outcome]> {
  return Promise.all([run(berth, line), run(docker, line)]);
}

await run(docker, "{} rm -fv $({} ps -aq); {} system prune -af --volumes; {} volume rm $({} volume ls -q)");
await run(berth, "{} image make busybox");
await run(berth, `{} save -o ${engine.folder}/busybox.tar busybox`);
await run(docker, `{} load -i ${engine.folder}/busybox.tar`);
await both(fixture);

const wanted = lines.filter((line) => line.includes(only));
const counts = { same: 0, explained: 0, different: 0 };
const differences: object[] = [];
const needed = new Set<object>();
for (const [index, line] of wanted.entries()) {
  const [ours, theirs] = await both(line);
  if (index % 25 === 24) await both(fixture);
  if (JSON.stringify(ours) === JSON.stringify(theirs)) {
    counts.same++;
    continue;
  }
  const explanation = findExplanation(explanations, line, ours, theirs);
  if (explanation) needed.add(explanation);
  counts[explanation ? "explained" : "different"]++;
  differences.push({ line, reason: explanation?.reason, ours, theirs });
  if (!explanation) report(line, ours, theirs);
}
console.log(
  `${wanted.length} command lines: ${counts.same} the same, ${counts.explained} differ for a known reason, ${counts.different} differ`,
);
if (only === "") {
  for (const { about } of explanations.filter((one) => !needed.has(one)))
    console.log(`no difference any more, on this machine: ${about}`);
}
if (listing) writeFileSync(listing, `${JSON.stringify(differences, null, 1)}\n`);
const leave = "{} rm -fv $({} ps -aq); {} network rm net; {} volume rm vol sweepvol; {} rmi -f busybox";
await both(leave);
await engine.stop(/./);
process.exitCode = counts.different > 0 ? 1 : 0;

function report(line: string, ours: Outcome, theirs: Outcome): void {
  const shown = line.length > 300 ? `${line.slice(0, 120)}…` : line;
  console.log(`\n$ ${shown}`);
  for (const part of ["code", "stdout", "stderr"] as const) {
    if (ours[part] === theirs[part]) continue;
    console.log(
      `  ${part}  berth:  ${JSON.stringify(ours[part])}\n  ${part}  docker: ${JSON.stringify(theirs[part])}`,
    );
  }
}
