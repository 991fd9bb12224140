import {
  type BuilderConnection,
  type BuildRecord,
  connectBuilder,
  timeOf,
} from "../../../client/build/builder.ts";
import { formatFamiliar, parseReference } from "../../../formats/reference.ts";
import { formatDuration } from "../../../formats/units.ts";
import type { Cli } from "../../cli.ts";
import { ExitError } from "../../command.ts";

/** A build of the history. */
export interface PastBuild {
  record: BuildRecord;
  isActive: boolean;
}

/** Calls `use` with the engine's builder, and closes the connection in the end. */
export async function withBuilder<R>(cli: Cli, use: (builder: BuilderConnection) => Promise<R>): Promise<R> {
  const client = await cli.client();
  const builder = await connectBuilder(client.transport);
  try {
    return await use(builder);
  } finally {
    builder.close();
  }
}

/**
 * @param given the beginning of a build's id; "^N" for the Nth before the last; undefined for the last one
 * @throws ExitError
 */
export async function findBuild(builder: BuilderConnection, given: string | undefined): Promise<PastBuild> {
  const all = await builder.listHistory();
  const [, back] = /^\^(\d+)$/.exec(given ?? "^0") ?? [];
  if (back !== undefined) {
    const found = all[Number(back)];
    if (!found) throw new ExitError(1, "no such build: the history has no more");
    return found;
  }
  const fitting = all.filter(({ record }) => record.ref.startsWith(given ?? ""));
  const [only, another] = fitting;
  if (!only) throw new ExitError(1, `no such build: ${given}`);
  if (another) throw new ExitError(1, `several builds have an id that begins with ${given}`);
  return only;
}

/** What people know a build by: the name that it was given, or its image's, or its Dockerfile's. */
export function nameOf({ frontendAttrs, exporterResponse }: BuildRecord): string {
  const own = frontendAttrs.get("build-arg:BUILDKIT_BUILD_NAME");
  if (own) return own;
  const [image = ""] = (exporterResponse.get("image.name") ?? "").split(",");
  const target = frontendAttrs.get("target");
  const name = image === "" ? (frontendAttrs.get("filename") ?? "Dockerfile") : familiar(image);
  return target ? `${name} (${target})` : name;
}

function familiar(name: string): string {
  try {
    return formatFamiliar(parseReference(name));
  } catch {
    return name;
  }
}

export function outcomeOf({ record, isActive }: PastBuild): string {
  if (isActive) return "Running";
  if (!record.error) return "Completed";
  return /context canceled$/.test(record.error.message) ? "Canceled" : "Error";
}

export function durationOf({ record, isActive }: PastBuild): string {
  const { completedAt } = record;
  const end = completedAt ? completedAt.seconds * 1000 + completedAt.nanos / 1e6 : Date.now();
  const tenths = Math.max(0, Math.round((end - timeOf(record)) / 100));
  return formatDuration(tenths * 100_000_000) + (isActive ? "+" : "");
}
