import { pipeline } from "node:stream/promises";
import { exportRootfs, listChanges, readArchive, statPath, writeArchive } from "../containers/archive.ts";
import { getContainer, publish } from "../containers/containers.ts";
import { filesOf, rootLayers } from "../containers/rootfs.ts";
import { resolveUser } from "../containers/user.ts";
import { invalid } from "../errors.ts";
import { type ApiRequest, ok, type Reply } from "./request.ts";

function target(request: ApiRequest) {
  const container = getContainer(request.engine.containers, request.param("id"));
  return { container, files: { ...filesOf(request.engine.containers, container), id: request.param("id") } };
}

function pathOf(request: ApiRequest): string {
  const path = request.text("path");
  if (!path) throw invalid("Bad parameters: 'path' is required");
  return path;
}

const encodeStat = (stat: object) => Buffer.from(JSON.stringify(stat)).toString("base64");

export async function stat(request: ApiRequest): Promise<Reply> {
  const found = await statPath(target(request).files, pathOf(request));
  return { status: 200, headers: { "X-Docker-Container-Path-Stat": encodeStat(found) } };
}

export async function read(request: ApiRequest): Promise<undefined> {
  const { container, files } = target(request);
  const { stat: found, stream } = await readArchive(files, pathOf(request));
  publish(request.engine.containers, container, "archive-path");
  const output = request.stream("application/x-tar", { "X-Docker-Container-Path-Stat": encodeStat(found) });
  await pipeline(stream, output).catch(() => request.output.destroy());
}

export async function write(request: ApiRequest): Promise<Reply> {
  const { container, files } = target(request);
  const copyUidGid = request.flag("copyUIDGID");
  const { User } = container.record.config;
  const layers = rootLayers(request.engine.containers, container);
  const user = copyUidGid && User ? resolveUser(layers, User, []) : undefined;
  await writeArchive({ ...files, ...(user && { user }) }, pathOf(request), request.input, {
    noOverwriteDirNonDir: request.flag("noOverwriteDirNonDir"),
    copyUidGid,
  });
  publish(request.engine.containers, container, "extract-to-dir");
  return { status: 200 };
}

export async function exportAll(request: ApiRequest): Promise<undefined> {
  const { container, files } = target(request);
  const stream = await exportRootfs(files);
  publish(request.engine.containers, container, "export");
  await pipeline(stream, request.stream("application/octet-stream")).catch(() => request.output.destroy());
}

export async function changes(request: ApiRequest): Promise<Reply> {
  return ok(await listChanges(target(request).files));
}
