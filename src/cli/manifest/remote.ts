import { openHttpTransport } from "../../distribution/http-transport.ts";
import { openPushTarget, type PushTarget } from "../../distribution/publication.ts";
import { openRegistries } from "../../distribution/registries.ts";
import { openRepository, type Repository } from "../../distribution/repository.ts";
import { defaultRegistrySettings } from "../../distribution/settings.ts";
import { parseImageConfig } from "../../formats/image-config.ts";
import { isIndex, parseManifest } from "../../formats/oci-manifest.ts";
import { formatReference, type Reference } from "../../formats/reference.ts";
import { decodeRegistryAuth } from "../../formats/registry-auth.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { findAuth } from "../login/credentials.ts";
import type { Member } from "./draft.ts";

/** Registries as the command line asks them itself, without an engine. To be closed. */
export interface Remote {
  repository(reference: Reference): Promise<Repository>;
  publication(reference: Reference): Promise<PushTarget>;
  close(): Promise<void>;
}

export function openRemote(cli: Cli, isInsecure: boolean): Remote {
  const transport = openHttpTransport();
  const connect = async ({ domain, path }: Reference) => {
    const insecure = [...defaultRegistrySettings.insecure, ...(isInsecure ? [domain] : [])];
    const registries = openRegistries({ ...defaultRegistrySettings, insecure }, transport);
    const auth = decodeRegistryAuth(await findAuth(cli, `${domain}/${path}`));
    return { connection: await registries.own(domain).connect(), auth };
  };
  return {
    async repository(reference) {
      const { connection, auth } = await connect(reference);
      return openRepository(transport, connection, reference.path, auth);
    },
    async publication(reference) {
      const { connection, auth } = await connect(reference);
      return openPushTarget(transport, connection, reference.path, auth);
    },
    close: async () => transport.close(),
  };
}

/** An image's manifest, with the platform that its config tells. @throws ExitError for a list */
export async function fetchMember(remote: Remote, reference: Reference): Promise<Member> {
  const repository = await remote.repository(reference);
  const { mediaType, digest, text } = await repository.getManifest(wantedOf(reference));
  const manifest = parseManifest(text);
  if (isIndex(manifest)) throw new ExitError(1, `${formatReference(reference)} is a manifest list`);
  const { os, architecture, variant } = parseImageConfig(
    await repository.getDocument(manifest.config.digest),
  );
  const platform = { architecture, os, ...(variant && { variant }) };
  return { ref: formatReference(reference), mediaType, digest, text, platform };
}

export function wantedOf({ digest, tag }: Reference): string {
  return digest ?? tag ?? "latest";
}
