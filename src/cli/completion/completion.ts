import { defineCommand, ExitError } from "../command.ts";
import { completionScripts } from "./scripts.ts";

const scripts: Readonly<Record<string, string>> = completionScripts;

export const command = defineCommand({
  usage: "bash|zsh|fish",
  description:
    "bash:  source <(berth completion bash)\nzsh:   source <(berth completion zsh)\nfish:  berth completion fish | source",
  arity: [1, 1],
  flags: {},
  async run({ cli, args: [shell = ""] }) {
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (script === undefined) throw new ExitError(1, `no completion for ${shell}: choose bash, zsh or fish`);
    cli.stdout.write(script);
  },
});
