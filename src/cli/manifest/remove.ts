import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import { defineCommand, ExitError } from "../command.ts";
import { openDrafts } from "./draft.ts";

export const command = defineCommand({
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  arity: [1],
  flags: {},
  async run({ cli, args }) {
    const drafts = openDrafts(cli);
    const missing: string[] = [];
    for (const name of args) {
      const list = formatReference(withDefaultTag(parseReference(name)));
      if (drafts.find(list)) drafts.remove(list);
      else missing.push(`No such manifest: ${list}`);
    }
    if (missing.length > 0) throw new ExitError(1, missing.join("\n"));
    return 0;
  },
});
