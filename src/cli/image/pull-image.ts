import type { Client } from "../../client/client.ts";
import { parseReference, repositoryOf, withDefaultTag } from "../../formats/reference.ts";
import type { Cli } from "../cli.ts";
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
    auth: findAuth(cli, repositoryOf(reference)),
  });
  await showProgress(options.output, messages, { isQuiet: options.isQuiet });
}

/** The login for an image's registry as `X-Registry-Auth`, from Docker's config.json. */
export function findAuth(cli: Cli, repository: string): string | undefined {
  const domain = repository.slice(0, repository.indexOf("/"));
  const key = domain === "docker.io" ? "https://index.docker.io/v1/" : domain;
  const login = cli.config.auths?.[key];
  if (login?.auth === undefined) return undefined;
  const [username = "", ...rest] = Buffer.from(login.auth, "base64").toString().split(":");
  const auth = login.identitytoken
    ? { identitytoken: login.identitytoken, serveraddress: key }
    : { username, password: rest.join(":"), serveraddress: key };
  return Buffer.from(JSON.stringify(auth)).toString("base64url");
}
