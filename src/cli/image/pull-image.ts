import type { Client } from "../../client/client.ts";
import { parseReference, repositoryOf, withDefaultTag } from "../../formats/reference.ts";
import type { Cli } from "../cli.ts";
import { addressOf, findAuthIfAny } from "../login/credentials.ts";
import { showProgress } from "../progress.ts";

/** Pulls one image and shows how it goes. */
export async function pullInto(
  cli: Cli,
  client: Client,
  image: string,
  options: { platform: string; isQuiet: boolean; output: Cli["stderr"]; isAllTags?: boolean },
): Promise<void> {
  const reference = options.isAllTags ? parseReference(image) : withDefaultTag(parseReference(image));
  const suffix = reference.digest ?? reference.tag;
  const messages = await client.images.pull({
    fromImage: repositoryOf(reference),
    tag: suffix,
    platform: options.platform || cli.env.DOCKER_DEFAULT_PLATFORM || undefined,
    auth: await findAuthIfAny(cli, addressOf(reference.domain)),
  });
  await showProgress(options.output, messages, { isQuiet: options.isQuiet });
}
