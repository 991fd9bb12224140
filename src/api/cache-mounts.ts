import { invalid, notFound } from "../errors.ts";
import { type ApiRequest, created, ok, type Reply } from "./request.ts";

/* What Docker has no operations for. */

/** `GET /berth/build/cache-mounts`: what `RUN --mount=type=cache` keeps. */
export async function listCacheMounts({ engine }: ApiRequest): Promise<Reply> {
  const { cacheMounts } = engine.builder;
  const mounts = cacheMounts.list().sort((a, b) => (a.name < b.name ? -1 : 1));
  return ok(
    await Promise.all(
      mounts.map(async (mount) => ({ ...describe(mount), Size: await cacheMounts.measure(mount.id) })),
    ),
  );
}

/** `GET /berth/build/cache-mounts/export?name=NAME`: a tar of what is in one. Its name is as the list shows it, or its ID. */
export async function exportCacheMount(request: ApiRequest): Promise<undefined> {
  const { mountTransfers, cacheMounts } = request.engine.builder;
  const name = nameOf(request);
  const fitting = cacheMounts.list().filter((mount) => mount.id === name || shownName(mount.name) === name);
  if (fitting.length === 0) throw notFound(`no such cache mount: ${name}`);
  const wanted = fitting.find(({ inUse }) => !inUse) ?? fitting[0];
  return request.send("application/x-tar", mountTransfers.export(wanted?.id ?? "", request.signal));
}

/**
 * `POST /berth/build/cache-mounts/import?name=ID&replace=1`: one with what the tar has that is sent, compressed or not. `namespace` is that
 * of builds with BUILDKIT_CACHE_MOUNT_NS.
 */
export async function importCacheMount(request: ApiRequest): Promise<Reply> {
  const { builder } = request.engine;
  const record = await builder.mountTransfers.import(
    `${request.text("namespace")}/${nameOf(request)}`,
    request.upload(),
    request.flag("replace"),
  );
  return created({
    ...describe({ ...record, inUse: false }),
    Size: await builder.cacheMounts.measure(record.id),
  });
}

function nameOf(request: ApiRequest): string {
  const name = request.text("name");
  if (name === "" || name.length > 4096 || name.includes("\0"))
    throw invalid("a cache mount's name is required");
  return name;
}

/** As a Dockerfile has it, with the namespace where there is one. */
const shownName = (name: string) => (name.startsWith("/") ? name.slice(1) : name);

type Mount = ReturnType<ApiRequest["engine"]["builder"]["cacheMounts"]["list"]>[number];

function describe({ id, name, description, inUse, createdAt, lastUsedAt, usageCount }: Mount) {
  return {
    ...{ ID: id, Name: shownName(name), Description: description, InUse: inUse, UsageCount: usageCount },
    CreatedAt: new Date(createdAt).toISOString(),
    LastUsedAt: new Date(lastUsedAt).toISOString(),
  };
}
