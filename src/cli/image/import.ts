import { parseReference, repositoryOf } from "../../formats/reference.ts";
import { defineCommand } from "../command.ts";
import { openInput } from "../file-input.ts";
import { repeated, string } from "../flag.ts";
import { showProgress } from "../progress.ts";

export const command = defineCommand({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  arity: [1, 2],
  flags: {
    change: repeated("c", "Apply Dockerfile instruction to the created image"),
    message: string("m", "Set commit message for imported image"),
    platform: string("", "Set platform if server is multi-platform capable"),
  },
  async run({ cli, flags, args: [source = "", target] }) {
    const reference = target === undefined ? undefined : parseReference(target);
    const isUrl = /^https?:\/\//.test(source);
    const input = isUrl ? { url: source } : { tar: source === "-" ? cli.stdin : openInput(cli, source) };
    const client = await cli.client();
    const messages = await client.images.import(input, {
      repo: reference === undefined ? undefined : repositoryOf(reference),
      tag: reference?.tag,
      message: flags.message,
      changes: flags.change,
      platform: flags.platform || undefined,
    });
    await showProgress(cli.stdout, messages);
  },
});
