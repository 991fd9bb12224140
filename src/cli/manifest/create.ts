import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool } from "../flag.ts";
import { openDrafts } from "./draft.ts";
import { fetchMember, openRemote } from "./remote.ts";

export const command = defineCommand({
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  arity: [2],
  flags: {
    amend: bool("a", "Amend an existing manifest list"),
    insecure: bool("", "Allow communication with an insecure registry"),
  },
  async run({ cli, flags, args: [listName = "", ...names] }) {
    const target = withDefaultTag(parseReference(listName));
    const list = formatReference(target);
    const drafts = openDrafts(cli);
    if (drafts.find(list) && !flags.amend)
      throw new ExitError(1, "refusing to amend an existing manifest list with no --amend flag");
    const remote = openRemote(cli, flags.insecure);
    try {
      for (const name of names) {
        const reference = withDefaultTag(parseReference(name));
        if (reference.domain !== target.domain) {
          throw new ExitError(
            1,
            `cannot use source images from a different registry than the target image: ${reference.domain} != ${target.domain}`,
          );
        }
        drafts.keep(list, await fetchMember(remote, reference));
      }
    } finally {
      await remote.close();
    }
    cli.print(`Created manifest list ${list}`);
    return 0;
  },
});
