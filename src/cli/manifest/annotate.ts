import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import { defineCommand, ExitError } from "../command.ts";
import { repeated, string } from "../flag.ts";
import { type ManifestPlatform, openDrafts } from "./draft.ts";

export const command = defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
  arity: [2, 2],
  flags: {
    arch: string("", "Set architecture"),
    os: string("", "Set operating system"),
    "os-features": repeated("", "Set operating system feature", "strings"),
    "os-version": string("", "Set operating system version"),
    variant: string("", "Set architecture variant"),
  },
  async run({ cli, flags, args: [listName = "", name = ""] }) {
    const listReference = formatReference(withDefaultTag(parseReference(listName)));
    const reference = formatReference(withDefaultTag(parseReference(name)));
    const drafts = openDrafts(cli);
    const member = drafts.find(listReference)?.find(({ ref }) => ref === reference);
    if (!member) {
      throw new ExitError(
        1,
        `manifest for image ${reference} does not exist in ${listReference}: add it with "manifest create --amend"`,
      );
    }
    const platform: ManifestPlatform = {
      ...member.platform,
      ...(flags.os && { os: flags.os }),
      ...(flags.arch && { architecture: flags.arch }),
      ...(flags.variant && { variant: flags.variant }),
      ...(flags["os-version"] && { "os.version": flags["os-version"] }),
      ...(flags["os-features"].length > 0 && { "os.features": flags["os-features"] }),
    };
    drafts.keep(listReference, { ...member, platform });
    return 0;
  },
});
