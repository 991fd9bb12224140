import { dirname, resolve } from "node:path";
import { defineCommand, ExitError } from "../command.ts";
import { bool, string } from "../flag.ts";
import { install, uninstall } from "../install/install.ts";
import { openMachine, restingMachine } from "../install/machine.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  description:
    "The engine starts with the machine, in the foreground of a unit of its own. Containers have another, so that nothing that is done to\n" +
    "the engine touches them.",
  arity: [0, 0],
  flags: {
    "as-docker": bool("", "Answer to docker's names too: command, socket, group, service and configuration"),
    root: string("", "Write the files below this folder, and start nothing"),
    uninstall: bool("", "Take all of it back; containers, images and volumes stay"),
  },
  async run({ cli, flags }) {
    const launcher = cli.env.BERTH_LAUNCHER;
    if (!launcher) throw new ExitError(1, "run it by the launcher `berth`: the units are to run that");
    if (flags.root === "" && process.getuid?.() !== 0)
      throw new ExitError(1, "permission denied: try it with sudo");
    const installation = {
      program: { folder: dirname(launcher), node: process.execPath, asDocker: flags["as-docker"] },
      root: flags.root === "" ? "" : resolve(flags.root),
      machine: flags.root === "" ? openMachine() : restingMachine,
      say: cli.print,
    };
    await (flags.uninstall ? uninstall : install)(installation);
  },
});
