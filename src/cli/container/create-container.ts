import { existsSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { ApiError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import type { ContainerCreateRequest } from "../../formats/docker-api.ts";
import { formatFamiliar, parseReference, withDefaultTag } from "../../formats/reference.ts";
import type { Cli } from "../cli.ts";
import type { CreateFlags } from "./create-flags.ts";

/** Creates, pulling the image first when it is not here, and tells the daemon's warnings. Gives the id. */
export async function createContainer(
  cli: Cli,
  client: Client,
  body: ContainerCreateRequest,
  flags: CreateFlags,
): Promise<string> {
  if (!["always", "missing", "never"].includes(flags.pull)) {
    throw new Error(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`);
  }
  if (flags.cidfile !== "" && existsSync(flags.cidfile)) {
    throw new Error(
      `container ID file found, make sure the other container isn't running or delete ${flags.cidfile}`,
    );
  }
  warnAboutFlags(cli, flags);
  const image = body.Image ?? "";
  if (flags.pull === "always") await pullImage(cli, client, image, flags);
  const options = {
    name: flags.name || undefined,
    platform: flags.platform || cli.env.DOCKER_DEFAULT_PLATFORM || undefined,
  };
  const create = () => client.containers.create(body, options);
  const created = await create().catch(async (error: unknown) => {
    const isMissing =
      error instanceof ApiError && error.status === 404 && /no such image/i.test(error.message);
    if (!isMissing || flags.pull !== "missing") throw error;
    if (!flags.quiet) cli.warn(`Unable to find image '${familiar(image)}' locally`);
    await pullImage(cli, client, image, flags);
    return create();
  });
  for (const warning of created.Warnings ?? []) cli.warn(`WARNING: ${warning}`);
  if (flags.cidfile !== "") writeFileSync(flags.cidfile, created.Id);
  return created.Id;
}

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
      cli.warn(`WARNING: Localhost DNS setting (--dns=${address}) may fail in containers.`);
    }
  }
}
