import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { textOfBytes } from "../../src/formats/tar/tar-entry.ts";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { type CorpusFiles, writeCorpusFiles } from "../build/corpus/corpus-files.ts";

/* Small Dockerfiles, each built by two engines now: config, history, and every entry of every layer, its attributes among them. */

interface Sample {
  name: string;
  dockerfile: string;
  files: CorpusFiles;
  /** Shell, in the context's folder. */
  prepare?: string;
  /** It is for clients without BuildKit as well. */
  isClassic?: boolean;
}

const every: Sample = {
  name: "every instruction once",
  dockerfile: `ARG BASE=busybox
FROM \${BASE} AS first
RUN mkdir /d && echo first > /d/first && chmod 4755 /d/first && ln /d/first /d/second && ln -s first /d/link && mkfifo /d/fifo
FROM \${BASE}
MAINTAINER someone <someone@example.com>
ARG WHO=me
ENV WHO=$WHO PLACE="two words"
LABEL a=b "c d"='e f'
WORKDIR /work/place
COPY --from=first /d /copied/
COPY --chown=7:8 file /file
ADD archive.tar.gz /unpacked/
ADD file /added
RUN echo $WHO > /who && chown 3:4 /who && rm /file
VOLUME /data
EXPOSE 80/tcp 53/udp
USER 1000:1000
STOPSIGNAL SIGTERM
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=5s --timeout=3s --retries=2 CMD true
ONBUILD RUN echo triggered
ENTRYPOINT ["/bin/echo"]
CMD ["hello"]
`,
  files: { file: { text: "a file\n", mode: "640" } },
  // A program that may open raw sockets, as ping is.
  prepare: `mkdir tree && echo program > tree/ping && chmod 755 tree/ping
python3 -c 'import os; os.setxattr("tree/ping", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))'
tar --xattrs --xattrs-include='*' -czf archive.tar.gz -C tree ping && rm -r tree`,
  isClassic: true,
};

const corpus = JSON.parse(
  readFileSync(new URL("../build/corpus/corpus.json", import.meta.url), "utf8"),
) as Sample[];

export interface TwoEngines {
  folder: string;
  /** @returns what it prints @throws Error */
  docker(engine: "berth" | "docker", words: string[], env?: Record<string, string>): Promise<Buffer>;
}

/** @param only a part of the names of those that are wanted @returns what differs, by the sample's name */
export async function compareCorpus(
  { folder, docker }: TwoEngines,
  only: string,
  report: (name: string, differing: string[]) => void,
): Promise<void> {
  for (const sample of [every, ...corpus]) {
    const title = `corpus: ${sample.name}`;
    // Without containerd's store `--link` is no more than a word to dockerd.
    if (!title.includes(only) || sample.name === "linkflag") continue;
    const place = join(folder, `corpus-${sample.name.replaceAll(" ", "-")}`);
    mkdirSync(place, { recursive: true });
    writeCorpusFiles(place, sample.files);
    writeFileSync(join(place, "Dockerfile"), sample.dockerfile);
    if (sample.prepare) await shell(sample.prepare, place);
    const build = async (engine: "berth" | "docker", env: Record<string, string>) => {
      await docker(engine, ["build", "-q", "--no-cache", "-t", "sample", place], env);
      return engine;
    };
    const [ours, theirs] = await Promise.all(
      (["berth", "docker"] as const).map(async (engine) => describeImage(docker, await build(engine, {}))),
    );
    report(title, compare(ours as Facts, theirs as Facts));
    if (!sample.isClassic) continue;
    const classic = { DOCKER_BUILDKIT: "0" };
    const files = await Promise.all(
      (["berth", "docker"] as const).map(async (engine) => listFiles(docker, await build(engine, classic))),
    );
    report(`${title}, the classic builder`, compare(files[0] as Facts, files[1] as Facts));
  }
}

const shell = (script: string, cwd: string) =>
  new Promise<void>((resolve, reject) => {
    execFile("sh", ["-ec", script], { cwd }, (error) => (error ? reject(error) : resolve()));
  });

/** One line for each fact. */
type Facts = Map<string, string>;
type Docker = TwoEngines["docker"];

async function describeImage(docker: Docker, engine: "berth" | "docker"): Promise<Facts> {
  const facts: Facts = new Map();
  const [image] = JSON.parse((await docker(engine, ["image", "inspect", "sample"])).toString());
  for (const [key, value] of Object.entries(image.Config))
    if (value && value !== null && value !== "") facts.set(`config ${key}`, JSON.stringify(sorted(value)));
  const words = ["history", "--no-trunc", "--format", "{{json .CreatedBy}}", "sample"];
  const history = (await docker(engine, words)).toString().trim().split("\n");
  for (const [at, line] of history.entries()) facts.set(`history ${at}`, line);
  const archive = readMembers(await docker(engine, ["save", "sample"]));
  const [{ Layers }] = JSON.parse(String(archive.get("manifest.json"))) as [{ Layers: string[] }];
  facts.set("layers", String(Layers.length));
  for (const [at, path] of Layers.entries())
    for (const [name, entry] of readEntries(plain(archive.get(path) as Buffer)))
      facts.set(`layer ${at} ${name}`, entry);
  return facts;
}

/** With containerd's store dockerd saves layers as they are pushed. */
const plain = (layer: Buffer) => (layer.readUInt16BE() === 0x1f8b ? gunzipSync(layer) : layer);

/** What a container sees. */
async function listFiles(docker: Docker, engine: "berth" | "docker"): Promise<Facts> {
  const id = (await docker(engine, ["create", "--network", "none", "sample"])).toString().trim();
  try {
    const own = /^(dev|proc|sys|etc\/(hosts|hostname|resolv\.conf|mtab)|\.dockerenv)(\/|$)/;
    const listed = readEntries(await docker(engine, ["export", id]));
    return new Map(listed.filter(([name]) => !own.test(name)));
  } finally {
    await docker(engine, ["rm", "-f", "-v", id]);
  }
}

const sorted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

function compare(ours: Facts, theirs: Facts): string[] {
  const keys = new Set([...ours.keys(), ...theirs.keys()]);
  return [...keys]
    .filter((key) => ours.get(key) !== theirs.get(key))
    .map((key) => `${key}: berth ${ours.get(key)}, docker ${theirs.get(key)}`);
}

function readMembers(archive: Buffer): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let [name, pieces]: [string, Buffer[]] = ["", []];
  for (const event of createTarReader().push(archive)) {
    if (event.kind === "entry") [name, pieces] = [event.entry.name, []];
    else if (event.kind === "data") pieces.push(Buffer.from(event.data));
    else if (event.kind === "end") members.set(name, Buffer.concat(pieces));
  }
  return members;
}

/** By path: kind, mode, owner, link, attributes and content. */
function readEntries(layer: Buffer): [string, string][] {
  const found: [string, string][] = [];
  let hash = createHash("sha256");
  let facts: unknown[] = [];
  for (const event of createTarReader().push(layer)) {
    if (event.kind === "entry") {
      const { name, type, mode, uid, gid, linkName = "", xattrs } = event.entry;
      const attributes = [...(xattrs ?? [])].map(([key, value]) => `${key}=${value.toString("hex")}`).sort();
      facts = [
        textOfBytes(name).replace(/\/$/, ""),
        type,
        mode.toString(8),
        uid,
        gid,
        textOfBytes(linkName),
        attributes,
      ];
      hash = createHash("sha256");
    } else if (event.kind === "data") hash.update(event.data);
    else if (event.kind === "end") {
      const [name, ...rest] = facts;
      found.push([String(name), JSON.stringify([...rest, hash.digest("hex").slice(0, 16)])]);
    }
  }
  return found;
}
