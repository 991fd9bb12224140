import { parseReference, repositoryOf } from "../../formats/reference.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  arity: [2, 2],
  flags: {},
  async run({ cli, args: [source = "", target = ""] }) {
    const reference = parseTarget(target);
    if (reference.digest !== undefined) throw new Error("refusing to create a tag with a digest reference");
    const client = await cli.client();
    await client.images.tag(source, { repo: repositoryOf(reference), tag: reference.tag ?? "latest" });
  },
});

function parseTarget(target: string) {
  try {
    return parseReference(target);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${reason}`,
    );
  }
}
