import { createHash, randomUUID } from "node:crypto";
import type { Range } from "../dockerfile/instructions.ts";

/* What a build says of itself while it runs, in BuildKit's terms. Times are milliseconds since the epoch. */

/** A piece of work, keyed by its digest: a later message about it replaces the earlier one. */
export interface Vertex {
  digest: string;
  /** Digests of the vertexes that it needs. */
  inputs: readonly string[];
  name: string;
  started?: number;
  completed?: number;
  cached?: boolean;
  /** One that ends in "context canceled" was given up. */
  error?: string;
}

/** A line below a vertex, keyed by its id. */
export interface VertexStatus {
  id: string;
  vertex: string;
  /** "transferring", or the id. */
  name: string;
  current: number;
  /** 0 when unknown. */
  total: number;
  started: number;
  completed?: number;
}

export interface VertexLog {
  vertex: string;
  at: number;
  stream: "stdout" | "stderr";
  data: Buffer;
}

export interface VertexWarning {
  vertex: string;
  short: string;
  detail: string[];
  url: string;
  file: SourceFile;
  ranges: readonly Range[];
}

/** A Dockerfile as errors and warnings show parts of it. */
export interface SourceFile {
  name: string;
  text: string;
}

export type ProgressEvent =
  | { kind: "vertex"; vertex: Vertex }
  | { kind: "status"; status: VertexStatus }
  | { kind: "log"; log: VertexLog }
  | { kind: "warning"; warning: VertexWarning };

export type Reporter = (event: ProgressEvent) => void;

/** Of work that is of this build alone. */
export function newVertex(name: string): { digest: string; inputs: string[]; name: string } {
  const digest = createHash("sha256").update(`${name} ${randomUUID()}`).digest("hex");
  return { digest: `sha256:${digest}`, inputs: [], name };
}

/** Says of something that it failed, where the build goes on. */
export function reportProblem(report: Reporter, name: string, error: string): void {
  const now = Date.now();
  report({ kind: "vertex", vertex: { ...newVertex(name), started: now, completed: now, error } });
}

/** Reports a piece of work from its begin to its end, however that is. @returns what the work gives */
export async function reportWork<R>(
  report: Reporter,
  vertex: Pick<Vertex, "digest" | "inputs" | "name">,
  work: () => Promise<R>,
): Promise<R> {
  const started = Date.now();
  report({ kind: "vertex", vertex: { ...vertex, started } });
  try {
    const result = await work();
    report({ kind: "vertex", vertex: { ...vertex, started, completed: Date.now() } });
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    report({ kind: "vertex", vertex: { ...vertex, started, completed: Date.now(), error: message } });
    throw error;
  }
}

/** Says that a piece of work was not needed again. */
export function reportCached(report: Reporter, vertex: Pick<Vertex, "digest" | "inputs" | "name">): void {
  const now = Date.now();
  report({ kind: "vertex", vertex: { ...vertex, started: now, completed: now, cached: true } });
}

/** No one can read faster, and what is reported is kept. */
const statusMilliseconds = 100;

/** Reports one line below a vertex now, now and then, and at its end. @returns what says how far it is */
export function beginStatus(
  report: Reporter,
  vertex: string,
  id: string,
  name = id,
): (current: number, isComplete?: boolean) => void {
  const started = Date.now();
  let last = 0;
  const tell = (current: number, isComplete = false) => {
    const now = Date.now();
    if (!isComplete && now - last < statusMilliseconds) return;
    last = now;
    report({
      kind: "status",
      status: { id, vertex, name, current, total: 0, started, ...(isComplete && { completed: now }) },
    });
  };
  tell(0);
  return tell;
}

/** A line of a piece of work. @returns what says that it is done */
export function lineBelow(report: Reporter, vertex: string): (id: string) => () => void {
  return (id) => {
    const started = Date.now();
    const status = { id, vertex, name: id, current: 0, total: 0, started };
    report({ kind: "status", status });
    return () => report({ kind: "status", status: { ...status, completed: Date.now() } });
  };
}
