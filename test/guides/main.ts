// `npm run guides`: images of Dockerfiles as guides have them, built by berth and by a real docker, compared, and run on both.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { isObject } from "../../src/formats/json.ts";
import { writeFiles } from "../build/context-folder.ts";
import { startEngine } from "../engine.ts";
import { compareCorpus } from "./corpus.ts";
import { type Guide, guides } from "./guides.ts";

const [peer = "", base = "", tree = "", nginx = "", npm = "", only = ""] = process.argv.slice(2);
const run = promisify(execFile);
/** Compiling takes a while; a server that never answers would take for ever. */
const longestMilliseconds = 900_000;
const engine = await startEngine();
/** As the images of all distributions have it. */
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const builders = { BuildKit: {}, "the classic builder": { DOCKER_BUILDKIT: "0" } };
const hosts = { berth: engine.host, docker: `unix://${peer}/docker.sock` };

/** The same docker on either engine. @throws Error with what it printed */
async function dockerBytes(
  host: string,
  words: string[],
  environment: Record<string, string> = {},
): Promise<Buffer> {
  const env = { ...process.env, DOCKER_HOST: host, ...environment };
  const limits = { maxBuffer: 256 << 20, timeout: longestMilliseconds };
  const { stdout } = await run(join(peer, "docker"), words, { env, ...limits, encoding: "buffer" });
  return stdout;
}

const docker = async (...given: Parameters<typeof dockerBytes>) => (await dockerBytes(...given)).toString();

/** What an image is, as far as two builders should agree. */
async function describe(
  host: string,
  image: string,
  { unstable, ask }: Guide,
): Promise<Record<string, unknown>> {
  const [{ Config, RootFS }] = JSON.parse(await docker(host, ["image", "inspect", image]));
  const history = await docker(host, ["history", "--no-trunc", "--format", "{{json .CreatedBy}}", image]);
  const config = Object.entries(Config).filter(([, value]) => value && value !== null);
  const container = (await docker(host, ["run", "-d", "--network", "bridge", image])).trim();
  try {
    return {
      config: Object.fromEntries(config.sort()),
      history: history.trim().split("\n"),
      layers: RootFS.Layers.length,
      files: ask === "" ? await exported(host, container) : await files(host, image, unstable),
      answer:
        ask === ""
          ? await eventuallyLogs(host, container)
          : await docker(host, ["exec", container, "sh", "-c", ask]),
    };
  } finally {
    await docker(host, ["rm", "-f", "-v", container]);
  }
}

/** Every file with kind, mode, owner, link, and the digest of its content, as a container sees them. */
async function files(host: string, image: string, unstable: RegExp | undefined): Promise<string[]> {
  const script = `find / -xdev ! -type f -printf '%p|%y|%m|%U:%G|%l\\n'
find / -xdev -type f -printf '%p|%y|%m|%U:%G|' -exec sha256sum {} \\;`;
  const listed = await docker(host, [
    ...["run", "--rm", "--user", "0", "--network", "none", "--entrypoint", "sh"],
    ...[image, "-c", script],
  ]);
  const own = /^\/(dev|proc|sys|run|etc\/(hosts|hostname|resolv\.conf|mtab)|\.dockerenv)(\/|\||$)/;
  return listed
    .split("\n")
    .filter((line) => !own.test(line))
    .map((line) => (unstable?.test(line.split("|")[0] ?? "") ? line.split("|").slice(0, 4).join("|") : line))
    .sort();
}

/** Of an image without a shell. */
async function exported(host: string, container: string): Promise<string> {
  const line = `"$0" cp ${container}:/hello - | tar -xO | sha256sum`;
  const { stdout } = await run("sh", ["-c", line, join(peer, "docker")], {
    env: { ...process.env, DOCKER_HOST: host },
  });
  return stdout;
}

async function eventuallyLogs(host: string, container: string): Promise<string> {
  for (let tries = 0; tries < 600; tries++) {
    const text = await docker(host, ["logs", container]);
    if (text !== "") return text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${container} says nothing`);
}

/** For clients of either builder our images are described as BuildKit describes them, which has more layers. */
function inBuildKitsWords(one: Record<string, unknown>): Record<string, unknown> {
  const { history: _, layers: __, config, ...rest } = one;
  const { ArgsEscaped: ___, ...alike } = config as Record<string, unknown>;
  return { ...rest, config: alike };
}

/** The order of members says nothing. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, one]) => [name, inOrder(one)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function differences(ours: Record<string, unknown>, theirs: Record<string, unknown>): string[] {
  return Object.keys(ours).flatMap((key) => {
    const [one, other] = [ours[key], theirs[key]].map((value) =>
      Array.isArray(value) ? (value as string[]) : [JSON.stringify(inOrder(value), null, 1)],
    ) as [string[], string[]];
    const [inOne, inOther] = [new Set(one), new Set(other)];
    const [has, hasNot] = [
      one.filter((line) => !inOther.has(line)),
      other.filter((line) => !inOne.has(line)),
    ];
    // The same lines in another order, or another number of them.
    if (has.length + hasNot.length === 0 && one.join("\n") !== other.join("\n"))
      return [`${key}: in another order, or repeated`];
    return [
      ...has.map((line) => `${key}: berth  ${line}`),
      ...hasNot.map((line) => `${key}: docker ${line}`),
    ];
  });
}

let failures = 0;
try {
  for (const host of Object.values(hosts))
    await docker(host, ["import", "--change", `ENV PATH=${path}`, base, "guides"]);
  for (const [index, guide] of guides.entries()) {
    if (!guide.name.includes(only)) continue;
    const place = join(engine.folder, `guide-${index}`);
    mkdirSync(place);
    writeFiles(place, guide.files);
    writeFileSync(join(place, "Dockerfile"), guide.dockerfile);
    const env = { ...process.env, TREE: tree, NGINX: nginx, NPM: npm };
    if (guide.prepare) await run("sh", ["-ec", guide.prepare], { cwd: place, env });
    for (const [builder, environment] of Object.entries(builders)) {
      const isKnown = builder === "BuildKit" || !/--mount=|--chmod=|<<EOF/.test(guide.dockerfile);
      if (!isKnown) continue;
      const image = `guide${index}-${builder === "BuildKit" ? "buildkit" : "classic"}`;
      const found: Record<string, unknown>[] = [];
      for (const host of Object.values(hosts)) {
        await docker(host, ["build", "-q", "-t", image, place], environment);
        found.push(await describe(host, image, guide));
      }
      const [ours = {}, theirs = {}] = found.map((one) =>
        builder === "BuildKit" ? one : inBuildKitsWords(one),
      );
      const differing = differences(ours, theirs);
      if (differing.length > 0) failures++;
      const verdict = differing.length > 0 ? `${differing.length} differences` : "the same";
      const count = Array.isArray(ours.files) ? `${ours.files.length} files` : "one file";
      process.stdout.write(`${guide.name}, ${builder}: ${verdict} (${found[0]?.layers} layers, ${count})\n`);
      for (const line of differing.slice(0, 40))
        process.stdout.write(`  ${stripVTControlCharacters(line)}\n`);
    }
  }
  // The same base for both.
  await engine.berth(["image", "make", "busybox"]);
  const busybox = join(engine.folder, "busybox.tar");
  await docker(hosts.berth, ["save", "-o", busybox, "busybox"]);
  await docker(hosts.docker, ["load", "-i", busybox]);
  const two = {
    folder: engine.folder,
    docker: (name: keyof typeof hosts, words: string[], env?: Record<string, string>) =>
      dockerBytes(hosts[name], words, env),
  };
  await compareCorpus(two, only, (name, differing) => {
    if (differing.length > 0) failures++;
    const verdict = differing.length > 0 ? `${differing.length} differences` : "the same";
    process.stdout.write(`${name}: ${verdict}\n`);
    for (const line of differing.slice(0, 40)) process.stdout.write(`  ${stripVTControlCharacters(line)}\n`);
  });
} catch (error) {
  failures++;
  const { stderr = "", stdout = "" } = error as { stderr?: string; stdout?: string };
  process.stderr.write(`${error instanceof Error ? error.message : error}\n${stdout}${stderr}\n`);
} finally {
  await engine.stop();
}
process.exitCode = failures > 0 ? 1 : 0;
