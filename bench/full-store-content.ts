import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { containerKind } from "../src/containers/record.ts";
import { paddingAfter } from "../src/formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../src/formats/tar/tar-writer.ts";
import { createLogger } from "../src/logger.ts";
import { openState } from "../src/state/state.ts";
import { type BenchEngine, docker } from "./engine.ts";
import type { Archives } from "./images.ts";
import { inParallel } from "./measure.ts";

export const imageCount = 5000;
export const containerCount = 10_000;
/** Of images and containers alike, by the label `group`. */
export const groupCount = 10;

/** Makes so many of both, each container of one of the images. @param path of an archive that is written */
export async function fillStore(engine: BenchEngine, { busybox }: Archives, path: string): Promise<void> {
  await docker(engine, ["load", "-q", "-i", busybox]);
  writeFileSync(path, makeImages());
  await docker(engine, ["load", "-q", "-i", path], { timeoutSeconds: 600, discardOutput: true });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const body = (number: number) => {
    const Labels = { number: String(number), group: groupOf(number), "com.example.purpose": "to be there" };
    return { Image: `many/image:${number % imageCount}`, Cmd: ["sleep", "1000"], Labels };
  };
  await inParallel(containerCount, 8, (number) =>
    ask(engine, "POST", `/containers/create?name=c${number}`, { agent, body: body(number) }),
  );
  agent.destroy();
}

const groupOf = (number: number) => String(number % groupCount);

/** An archive of images that share one layer. */
function makeImages(): Buffer {
  const layer = Buffer.concat([...member("hello", Buffer.from("hello\n")), archiveEnd]);
  const diffId = `sha256:${createHash("sha256").update(layer).digest("hex")}`;
  const parts = member("layer.tar", layer);
  const list = Array.from({ length: imageCount }, (_, number) => {
    const config = {
      ...{ architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux" },
      config: { Env: ["PATH=/usr/bin:/bin"], Labels: { number: String(number), group: groupOf(number) } },
      rootfs: { type: "layers", diff_ids: [diffId] },
      history: [{ created: "2026-01-01T00:00:00Z", created_by: "a bench" }],
    };
    parts.push(...member(`config-${number}.json`, Buffer.from(JSON.stringify(config))));
    return {
      Config: `config-${number}.json`,
      RepoTags: [`many/image:${number}`],
      Layers: ["layer.tar"],
    };
  });
  parts.push(...member("manifest.json", Buffer.from(JSON.stringify(list))), archiveEnd);
  return Buffer.concat(parts);
}

function member(name: string, data: Buffer): Buffer[] {
  const sizeBytes = data.length;
  const mtime = { seconds: 1_600_000_000, nanoseconds: 0 };
  const header = encodeEntry({ type: "file", name, mode: 0o644, uid: 0, gid: 0, mtime, sizeBytes });
  return [header, data, Buffer.alloc(paddingAfter(sizeBytes))];
}

/** As if each had run: starting ten thousand would take longer than all the rest. */
export function endAll(root: string): void {
  const state = openState(join(root, "berth.db"), createLogger("warn"));
  const records = state.records(containerKind);
  const at = new Date().toISOString();
  state.transaction(() => {
    for (const [id, record] of records.load()) {
      const ended = { Status: "exited" as const, StartedAt: at, FinishedAt: at };
      records.put(id, { ...record, state: { ...record.state, ...ended } });
    }
  });
  state.close();
}

interface Question {
  agent?: Agent;
  body?: unknown;
}

/** What it answers is read and dropped. */
export function ask(
  { host }: BenchEngine,
  method: string,
  path: string,
  { agent, body }: Question = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      "Content-Length": Buffer.byteLength(payload),
      ...(payload && { "Content-Type": "application/json" }),
    };
    const socketPath = host.slice("unix://".length);
    const sent = request({ socketPath, method, path, headers, ...(agent && { agent }) }, (answer) => {
      answer.resume().once("end", () => {
        if ((answer.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`${method} ${path}: ${answer.statusCode}`));
      });
    });
    sent.once("error", reject).end(payload);
  });
}
