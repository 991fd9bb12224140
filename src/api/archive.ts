import { getContainer, publish } from "../containers/containers.ts";
import { filesOf, rootLayers } from "../containers/rootfs.ts";
import { invalid } from "../errors.ts";
import { resolveUser } from "../launch/user.ts";
import { type ApiRequest, ok, type Reply } from "./request.ts";

function target(request: ApiRequest) {
  const { containers } = request.engine;
  const container = getContainer(containers, request.param("id"));
  const files = { ...filesOf(containers, container), id: request.param("id") };
  return { container, files, archives: containers.archives };
}

function pathOf(request: ApiRequest): string {
  const path = request.text("path");
  if (!path) throw invalid("Bad parameters: 'path' is required");
  return path;
}

const encodeStat = (stat: object) => Buffer.from(JSON.stringify(stat)).toString("base64");

export async function stat(request: ApiRequest): Promise<Reply> {
  const { archives, files } = target(request);
  const found = await archives.stat(files, pathOf(request), request.signal);
  return { status: 200, headers: { "X-Docker-Container-Path-Stat": encodeStat(found) } };
}

/** `GET /berth/containers/ID/files?path=PATH`: what is in a directory, which Docker gives with all that is below. */
export async function listFolder(request: ApiRequest): Promise<Reply> {
  const { archives, files } = target(request);
  return ok(await archives.list(files, pathOf(request), request.signal));
}

export async function read(request: ApiRequest): Promise<undefined> {
  const { container, files, archives } = target(request);
  const { stat: found, stream } = await archives.read(files, pathOf(request), request.signal);
  publish(request.engine.containers, container, "archive-path");
  return request.send("application/x-tar", stream, { "X-Docker-Container-Path-Stat": encodeStat(found) });
}

export async function write(request: ApiRequest): Promise<Reply> {
  const { container, archives } = target(request);
  const copyUidGid = request.flag("copyUIDGID");
  const { User } = container.record.config;
  const layers = rootLayers(request.engine.containers, container);
  const user = copyUidGid && User ? await resolveUser(layers, User, []) : undefined;
  const { containers } = request.engine;
  const filesNow = () => ({
    ...filesOf(containers, container),
    id: request.param("id"),
    ...(user && { user }),
  });
  await archives.write(filesNow, pathOf(request), request.upload(), {
    signal: request.signal,
    noOverwriteDirNonDir: request.flag("noOverwriteDirNonDir"),
    copyUidGid,
  });
  publish(request.engine.containers, container, "extract-to-dir");
  return { status: 200 };
}

export async function exportAll(request: ApiRequest): Promise<undefined> {
  const { container, files, archives } = target(request);
  const stream = await archives.export(files, request.signal);
  publish(request.engine.containers, container, "export");
  return request.send("application/octet-stream", stream);
}

export async function changes(request: ApiRequest): Promise<Reply> {
  const { archives, files } = target(request);
  const { containerActions } = request.engine.metrics;
  return ok(await containerActions.time("changes", () => archives.listChanges(files, request.signal)));
}
