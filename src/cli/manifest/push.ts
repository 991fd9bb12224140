import type { PushTarget } from "../../distribution/publication.ts";
import { isIndex, parseManifest } from "../../formats/oci-manifest.ts";
import { formatReference, parseReference, type Reference, withDefaultTag } from "../../formats/reference.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool } from "../flag.ts";
import { encodeList, type Member, openDrafts } from "./draft.ts";
import { openRemote, wantedOf } from "./remote.ts";

export const command = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST",
  arity: [1, 1],
  flags: {
    insecure: bool("", "Allow push to an insecure registry"),
    purge: bool("p", "Remove the local manifest list after push"),
  },
  async run({ cli, flags, args: [name = ""] }) {
    const target = withDefaultTag(parseReference(name));
    const list = formatReference(target);
    const drafts = openDrafts(cli);
    const members = drafts.find(list);
    if (!members || members.length === 0) {
      throw new ExitError(1, `${list} not found: make it with "manifest create" first`);
    }
    const unknown = members.find(({ platform }) => !platform.os || !platform.architecture);
    if (unknown) {
      throw new ExitError(
        1,
        `manifest ${unknown.ref} must have an OS and Architecture to be pushed to a registry: use "manifest annotate"`,
      );
    }
    const remote = openRemote(cli, flags.insecure);
    try {
      const publication = await remote.publication(target);
      for (const member of members) {
        await takeOver(publication, target, member);
        cli.print(`Pushed ref ${repositoryAt(target, member)} with digest: ${member.digest}`);
      }
      const { mediaType, text } = encodeList(members);
      cli.print(await publication.putManifest(wantedOf(target), mediaType, text));
    } finally {
      await remote.close();
    }
    if (flags.purge) drafts.remove(list);
    return 0;
  },
});

/** Puts an image's manifest, which may be in another repository of the registry, beside the list. */
async function takeOver(publication: PushTarget, target: Reference, member: Member): Promise<void> {
  const { path } = parseReference(member.ref);
  if (path !== target.path) {
    const manifest = parseManifest(member.text);
    const blobs = isIndex(manifest) ? [] : [manifest.config, ...manifest.layers];
    for (const { digest } of blobs) {
      if (await publication.hasBlob(digest)) continue;
      if (await publication.mount(digest, path)) continue;
      throw new ExitError(
        1,
        `the registry does not take ${digest} over from ${path}: push the image to ${target.path} first`,
      );
    }
  }
  await publication.putManifest(member.digest, member.mediaType, member.text);
}

function repositoryAt({ domain, path }: Reference, { digest }: Member): string {
  return `${domain}/${path}@${digest}`;
}
