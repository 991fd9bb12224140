import { volumeUsers } from "../containers/mounts.ts";
import { invalid } from "../errors.ts";
import { withFirstPiece } from "../sys/send.ts";
import { type ApiRequest, created, noContent, ok, type Reply } from "./request.ts";

/* What Docker has no operations for. */

/** `GET /berth/volumes/NAME/export`: a tar of the volume's content. */
export async function exportOne(request: ApiRequest): Promise<undefined> {
  const { volumes } = request.engine;
  return request.send("application/x-tar", await volumes.export(request.param("name"), request.signal));
}

/**
 * `POST /berth/volumes/NAME/import`: a new volume with the content of the tar that is sent, compressed or not.
 * `label=KEY=VALUE` and `opt=KEY=VALUE` may be given several times.
 */
export async function importOne(request: ApiRequest): Promise<Reply> {
  const { volumes } = request.engine;
  const record = await volumes.import(request.param("name"), request.upload(), {
    Labels: pairsOf(request, "label"),
    DriverOpts: pairsOf(request, "opt"),
  });
  return created(volumes.inspect(record));
}

/** `GET /berth/volumes/NAME/files?path=PATH`: what is in a directory of it. */
export async function listVolumeFiles(request: ApiRequest): Promise<Reply> {
  const { volumes } = request.engine;
  return ok(await volumes.listFiles(request.param("name"), request.text("path") || "/"));
}

/** `GET /berth/volumes/NAME/file?path=PATH`: a file of it. */
export async function readFile(request: ApiRequest): Promise<undefined> {
  const { volumes } = request.engine;
  const path = request.text("path");
  if (path === "") throw invalid("path is required");
  const file = await volumes.readFile(request.param("name"), path, request.signal);
  return request.send("application/octet-stream", await withFirstPiece(file));
}

function pairsOf({ query }: ApiRequest, name: string): Record<string, string> {
  const pairs = query.getAll(name).map((pair): [string, string] => {
    const [key = "", ...value] = pair.split("=");
    if (key === "") throw invalid(`invalid ${name}: ${JSON.stringify(pair)}`);
    return [key, value.join("=")];
  });
  return Object.fromEntries(pairs);
}

/** `POST /berth/volumes/NAME/clone?to=OTHER`: a new volume with the same content. */
export async function clone(request: ApiRequest): Promise<Reply> {
  const { volumes } = request.engine;
  return created(volumes.inspect(await volumes.clone(request.param("name"), request.text("to"))));
}

/** `POST /berth/volumes/NAME/rename?name=OTHER`. */
export function rename(request: ApiRequest): Reply {
  const { volumes, containers } = request.engine;
  const name = request.param("name");
  volumes.rename(name, request.text("name"), volumeUsers(containers, name));
  return noContent;
}
