import { dirname } from "node:path";
import { Readable } from "node:stream";
import type { Client } from "../../client/client.ts";
import type { ContainerCreateRequest } from "../../formats/docker-api/docker-api.ts";
import { paddingAfter } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";
import type { Cli } from "../cli.ts";
import { listLogins } from "../login/credentials.ts";

const configFile = "/run/secrets/docker/config.json";

/**
 * `--use-api-socket`: has a container's clients find the user's logins, unless it has a DOCKER_CONFIG of its own.
 * @returns what is to be done once there is the container, with its id. @throws Error when a credential helper fails
 */
export async function giveLogins(
  cli: Cli,
  client: Client,
  body: ContainerCreateRequest,
): Promise<(id: string) => Promise<void>> {
  const isGiven = body.Env?.some((text) => text.startsWith("DOCKER_CONFIG="));
  const auths = isGiven ? {} : await listLogins(cli);
  if (Object.keys(auths).length === 0) return async () => {};
  body.Env = [...(body.Env ?? []), `DOCKER_CONFIG=${dirname(configFile)}`];
  const data = Buffer.from(JSON.stringify({ auths }, null, "\t"));
  const header = encodeEntry({
    ...{ name: configFile.slice(1), type: "file", mode: 0o600, uid: 0, gid: 0 },
    sizeBytes: data.length,
    mtime: { seconds: 0, nanoseconds: 0 },
  });
  const tar = Buffer.concat([header, data, Buffer.alloc(paddingAfter(data.length)), archiveEnd]);
  return (id) =>
    client.containers.writeArchive(id, "/", Readable.from([tar]), { noOverwriteDirNonDir: true });
}
