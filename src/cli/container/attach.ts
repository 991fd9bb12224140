import { defineCommand, ExitError } from "../command.ts";
import { bool, string } from "../flag.ts";
import { checkTty, followTerminalSize, proxySignals, runSession } from "../terminal.ts";
import { waitForExitCode } from "./run.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  arity: [1, 1],
  flags: {
    "detach-keys": string("", "Override the key sequence for detaching a container"),
    "no-stdin": bool("", "Do not attach STDIN"),
    "sig-proxy": bool("", "Proxy all received signals to the process", true),
  },
  async run({ cli, flags, args: [name = ""] }) {
    const client = await cli.client();
    const { Id: id, State: state, Config: config } = await client.containers.inspect(name);
    if (!state.Running) throw new ExitError(1, "You cannot attach to a stopped container, start it first");
    if (state.Paused) throw new ExitError(1, "You cannot attach to a paused container, unpause it first");
    if (state.Restarting)
      throw new ExitError(1, "You cannot attach to a restarting container, wait until it is running");
    const hasStdin = !flags["no-stdin"] && config.OpenStdin;
    checkTty(cli, { hasStdin, isTty: config.Tty });
    const detachKeys = flags["detach-keys"] || cli.config.detachKeys || "";
    const { exit } = await client.containers.wait(id);
    const stopProxy =
      flags["sig-proxy"] && !config.Tty
        ? proxySignals(cli, (signal) => client.containers.kill(id, signal))
        : () => undefined;
    const connection = await client.containers.attach(id, {
      stdin: hasStdin,
      stdout: true,
      stderr: true,
      detachKeys: detachKeys || undefined,
    });
    const stopResize = config.Tty
      ? followTerminalSize(cli, (size) => client.containers.resize(id, size), { isRedrawn: true })
      : () => undefined;
    const end = await runSession(cli, {
      connection,
      isTty: config.Tty,
      hasStdin,
      hasOutput: true,
      detachKeys,
    });
    stopResize();
    stopProxy();
    if (end === "detached") throw new ExitError(1, "read escape sequence");
    return waitForExitCode(cli, exit);
  },
});
