import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { RegistrySettings } from "../../src/distribution/settings.ts";
import { createEvents, type EngineEvent } from "../../src/events/events.ts";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import { paddingAfter, type TarEntry } from "../../src/formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../src/formats/tar/tar-writer.ts";
import { createImages, type Images } from "../../src/images/images.ts";
import { createLogger } from "../../src/logger.ts";
import { openState, type State } from "../../src/state/state.ts";
import { makeSmallDisk } from "../small-disk.ts";

/** An image store in a folder of its own, which can be closed and opened again. */
export interface Store extends AsyncDisposable {
  root: string;
  images: Images;
  state: State;
  events: readonly EngineEvent[];
  subscribe(listener: (event: EngineEvent) => void): void;
  reopen(): Promise<void>;
}

/** @param megabytes for one on a disk that has no more room than that */
export async function openStore(registries?: RegistrySettings, megabytes?: number): Promise<Store> {
  const disk = megabytes === undefined ? undefined : makeSmallDisk(megabytes);
  const root = disk?.path ?? mkdtempSync(join(tmpdir(), "berth-images-"));
  const logger = createLogger("silent");
  const events = createEvents();
  const open = async () => {
    const state = openState(join(root, "state.db"), logger);
    const settings = { root, state, events, logger, ...(registries && { registries }) };
    return { state, images: await createImages(settings) };
  };
  const close = async () => {
    await store.images.close();
    store.state.close();
  };
  const store: Store = {
    root,
    ...(await open()),
    events: events.recent(),
    subscribe: (listener) => void events.subscribe(listener),
    async reopen() {
      await close();
      Object.assign(store, await open());
    },
    async [Symbol.asyncDispose]() {
      await close();
      if (disk) await disk[Symbol.asyncDispose]();
      else rmSync(root, { recursive: true, force: true });
    },
  };
  return store;
}

export type Member = Partial<TarEntry> & { name: string; data?: string | Buffer };

export function makeTar(members: readonly Member[], end = archiveEnd): Buffer {
  const parts: Buffer[] = [];
  for (const { data, ...entry } of members) {
    const bytes = Buffer.from(data ?? "");
    const header = encodeEntry({
      type: entry.name.endsWith("/") ? "directory" : "file",
      mode: entry.name.endsWith("/") ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      mtime: { seconds: 1_600_000_000, nanoseconds: 0 },
      ...entry,
      sizeBytes: bytes.length,
    });
    parts.push(header, bytes, Buffer.alloc(paddingAfter(bytes.length)));
  }
  return Buffer.concat([...parts, end]);
}

export interface ArchiveImage {
  layers: { tar: Buffer; blob?: Buffer }[];
  tags?: string[];
  config?: object;
}

/** A docker-archive, as docker ≤ 24 writes them. */
export function makeDockerArchive(
  images: readonly ArchiveImage[],
  change: (members: Member[]) => void = () => {},
): Buffer {
  const members: Member[] = [];
  const list = images.map(({ layers, tags, config }) => {
    const text = configText(layers, config);
    const configName = `${digestOf(text).slice(7)}.json`;
    members.push({ name: configName, data: text });
    const names = layers.map(({ tar, blob }) => {
      const name = `${digestOf(tar).slice(7, 30)}/layer.tar`;
      members.push({ name, data: blob ?? tar });
      return name;
    });
    return { Config: configName, RepoTags: tags ?? null, Layers: names };
  });
  members.push({ name: "manifest.json", data: JSON.stringify(list) });
  change(members);
  return makeTar(members);
}

export function configText(layers: ArchiveImage["layers"], config: object = {}): string {
  const diffIds: Digest[] = layers.map(({ tar }) => digestOf(tar));
  const history = layers.map((_, at) => ({ created: "2024-01-02T03:04:05Z", created_by: `step ${at}` }));
  return JSON.stringify({
    architecture: "amd64",
    os: "linux",
    created: "2024-01-02T03:04:05Z",
    config: { Cmd: ["sh"] },
    history,
    ...config,
    rootfs: { type: "layers", diff_ids: diffIds },
  });
}

/** Loads and returns the `stream` lines. */
export async function load(images: Images, archive: Buffer, chunkBytes = 65_536): Promise<string[]> {
  const lines: string[] = [];
  const chunks: Buffer[] = [];
  for (let at = 0; at < archive.length; at += chunkBytes) chunks.push(archive.subarray(at, at + chunkBytes));
  await images.load(Readable.from(chunks), ({ stream }) => {
    if (stream) lines.push(stream.trimEnd());
  });
  return lines;
}

/** The whole of an archive that `save` has made ready, or of another stream. */
export async function readStream(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}
