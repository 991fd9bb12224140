import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { textOfBytes, typeFlags } from "../../src/formats/tar/tar-entry.ts";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";
import { type CorpusFiles, writeCorpusFiles } from "./corpus/corpus-files.ts";

/*
 * Dockerfiles, and what dockerd 28.5.2 with its BuildKit made of them: config, history, and every entry of every layer. With containerd's
 * store where that counts: without it `--link` is no more than a word.
 */

interface Corpus {
  name: string;
  dockerfile: string;
  files: CorpusFiles;
  expected: {
    config: object;
    layers: number;
    history: string[];
    /** By "LAYER:PATH": type, mode, uid, gid, link, the beginning of the content. */
    files: Record<string, [string, string, number, number, string, string]>;
  };
}

const corpus = JSON.parse(readFileSync(new URL("corpus/corpus.json", import.meta.url), "utf8")) as Corpus[];
/** Images whose first layer is not a busybox. */
const standAlone = new Set(["stages"]);

describe("what is built is what BuildKit builds", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-corpus-"));
  const docker = stockDockers.at(-1) as string;
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));

  const run = (...words: string[]) =>
    new Promise<Buffer>((resolve, reject) => {
      const options = {
        env: { ...process.env, DOCKER_HOST: engine.host },
        maxBuffer: 64 << 20,
        timeout: 120_000,
      };
      execFile(docker, words, { ...options, encoding: "buffer" }, (error, stdout, stderr) =>
        error ? reject(new Error(stderr.toString())) : resolve(stdout),
      );
    });

  for (const { name, dockerfile, files, expected } of corpus) {
    it(name, async () => {
      const place = join(folder, name);
      writeCorpusFiles(place, files);
      writeFileSync(join(place, "Dockerfile"), dockerfile);
      await run("build", "-t", name, place);
      const [image] = JSON.parse((await run("image", "inspect", name)).toString());
      assert.deepEqual(notEmpty(image.Config), expected.config);
      const history = (
        await run("history", "--no-trunc", "--format", "{{json .CreatedBy}}", name)
      ).toString();
      const created = history
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as string);
      assert.deepEqual(created.slice(0, expected.history.length), expected.history);
      const layers = readLayers(await run("save", name));
      assert.equal(layers.length, expected.layers);
      const found = layers
        .slice(standAlone.has(name) ? 0 : 1)
        .flatMap((layer, index) =>
          readEntries(layer).map(([path, facts]) => [`${index}:${path}`, facts] as const),
        );
      assert.deepEqual(Object.fromEntries(found), expected.files);
    });
  }
});

const notEmpty = (config: object) =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value && value !== null && value !== ""));

/** Files of an archive by name. */
function readFiles(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const reader = createTarReader();
  let [name, pieces]: [string, Buffer[]] = ["", []];
  for (const event of reader.push(archive)) {
    if (event.kind === "entry") [name, pieces] = [event.entry.name, []];
    else if (event.kind === "data") pieces.push(Buffer.from(event.data));
    else if (event.kind === "end") files.set(name, Buffer.concat(pieces));
  }
  return files;
}

function readLayers(archive: Buffer): Buffer[] {
  const files = readFiles(archive);
  const [{ Layers }] = JSON.parse(String(files.get("manifest.json"))) as [{ Layers: string[] }];
  return Layers.map((path) => files.get(path) as Buffer);
}

function readEntries(layer: Buffer): [string, Corpus["expected"]["files"][string]][] {
  const found: [string, Corpus["expected"]["files"][string]][] = [];
  const reader = createTarReader();
  for (const event of reader.push(layer)) {
    if (event.kind === "entry") {
      const { name, type, mode, uid, gid, linkName = "" } = event.entry;
      const path = textOfBytes(name).replace(/\/$/, "");
      found.push([
        path,
        [typeFlags[type], `0o${mode.toString(8)}`, uid, gid, linkName.replace(/\/$/, ""), ""],
      ]);
    } else if (event.kind === "data") {
      const facts = (found.at(-1) as (typeof found)[number])[1];
      facts[5] = (facts[5] + event.data.toString("latin1")).slice(0, 60);
    }
  }
  return found;
}
