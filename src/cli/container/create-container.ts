import { closeSync, existsSync, openSync, rmSync, writeSync } from "node:fs";
import { isIP } from "node:net";
import { ApiError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import { messageOf } from "../../errors.ts";
import type { ContainerCreateRequest } from "../../formats/docker-api/docker-api.ts";
import { parsePlatform } from "../../formats/platform.ts";
import { formatFamiliar, parseReference, withDefaultTag } from "../../formats/reference.ts";
import type { Cli } from "../cli.ts";
import { removeOnSignal } from "../remove-on-signal.ts";
import { describeError } from "../system-error.ts";
import type { CreateFlags } from "./create-flags.ts";

/** Creates, pulling the image first when it is not here, and tells the daemon's warnings. Gives the id. */
export async function requestContainer(
  cli: Cli,
  client: Client,
  body: ContainerCreateRequest,
  flags: CreateFlags,
): Promise<string> {
  const idFile = flags.cidfile === "" ? undefined : openIdFile(flags.cidfile);
  const forget = idFile === undefined ? undefined : removeOnSignal(flags.cidfile);
  try {
    const id = await createFrom(cli, client, body, flags);
    if (idFile !== undefined) writeSync(idFile, id);
    return id;
  } catch (error) {
    if (idFile !== undefined) rmSync(flags.cidfile, { force: true });
    throw error;
  } finally {
    forget?.();
    if (idFile !== undefined) closeSync(idFile);
  }
}

/** Before there is a container: one whose id cannot be written down must not be made. */
function openIdFile(file: string): number {
  if (existsSync(file)) {
    throw new Error(`container ID file found, make sure the other container isn't running or delete ${file}`);
  }
  try {
    return openSync(file, "wx");
  } catch (error) {
    throw new Error(`failed to create the container ID file: ${describeError(error)}`, { cause: error });
  }
}

async function createFrom(
  cli: Cli,
  client: Client,
  body: ContainerCreateRequest,
  flags: CreateFlags,
): Promise<string> {
  warnAboutFlags(cli, flags);
  const image = body.Image ?? "";
  if (!isImageId(image)) parseReference(image);
  checkPlatform(flags.platform);
  if (flags.pull === "always") await pullImage(cli, client, image, flags);
  const options = {
    name: flags.name || undefined,
    platform: flags.platform || cli.env.DOCKER_DEFAULT_PLATFORM || undefined,
  };
  const finish = flags["use-api-socket"]
    ? await (await import("./api-socket.ts")).giveLogins(cli, client, body)
    : undefined;
  const create = () => client.containers.create(body, options);
  const created = await create().catch(async (error: unknown) => {
    const isMissing = error instanceof ApiError && error.status === 404;
    if (!isMissing || flags.pull !== "missing") throw error;
    if (!flags.quiet) cli.warn(`Unable to find image '${familiar(image)}' locally`);
    await pullImage(cli, client, image, flags);
    return create();
  });
  for (const warning of created.Warnings ?? []) cli.warn(`WARNING: ${warning}`);
  await finish?.(created.Id).catch(async (error: unknown) => {
    await client.containers.remove(created.Id, { force: true, volumes: true }).catch(() => {});
    throw error;
  });
  return created.Id;
}

function checkPlatform(text: string): void {
  try {
    if (text !== "") parsePlatform(text);
  } catch (error) {
    throw new Error(`error parsing specified platform: ${messageOf(error)}`, { cause: error });
  }
}

const isImageId = (text: string) => /^(sha256:)?[0-9a-f]{64}$/.test(text);

function familiar(image: string): string {
  try {
    return formatFamiliar(withDefaultTag(parseReference(image)));
  } catch {
    return image;
  }
}

async function pullImage(cli: Cli, client: Client, image: string, flags: CreateFlags): Promise<void> {
  const { pullInto } = await import("../image/pull-image.ts");
  await pullInto(cli, client, image, { platform: flags.platform, isQuiet: flags.quiet, output: cli.stderr });
}

function warnAboutFlags(cli: Cli, flags: CreateFlags): void {
  for (const address of flags.dns) {
    if (isIP(address) !== 0 && (address.startsWith("127.") || address === "::1")) {
      cli.warn(`WARNING: Localhost DNS (${address}) may fail in containers.`);
    }
  }
}
