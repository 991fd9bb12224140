import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { listenUi, parseUiAddress } from "../../ui/listen.ts";
import { explainOpenAddress } from "../../ui/open-address.ts";
import { createUi } from "../../ui/ui.ts";
import type { Cli } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { bool, repeated, string } from "../flag.ts";
import { openBrowser } from "./open-browser.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  description: `It serves the engine of the current context until SIGTERM or SIGINT. The first visit takes the address that is printed, whose
token is good for one login; the next token is printed then.`,
  arity: [0, 0],
  flags: {
    listen: string("", "Address and port to listen on", "127.0.0.1:9000", "address"),
    "read-only": bool("", "Refuse whatever changes something"),
    "password-file": string("", "Log in by name and password; htpasswd file (bcrypt)", "", "file"),
    "tls-cert": string("", "Certificate of the server, with its chain", "", "file"),
    "tls-key": string("", "Key of the certificate", "", "file"),
    "insecure-listen": bool(
      "",
      "Listen beyond this machine without TLS: what is sent can be read and changed on the way",
    ),
    "host-name": repeated(
      "",
      "Name under which browsers may ask for the page, besides localhost and addresses",
      "name",
    ),
    state: string("", "Folder for the history of what containers use", "", "folder"),
    "no-browser": bool("", "Do not open a browser"),
  },
  async run({ cli, flags }) {
    const tls = readTls(flags["tls-cert"], flags["tls-key"]);
    const address = parseUiAddress(flags.listen);
    const warning = explainOpenAddress(address.host, tls !== undefined, flags["insecure-listen"]);
    const passwords = await openPasswords(flags["password-file"]);
    let token: string | undefined;
    let url: string | undefined;
    const ui = createUi({
      client: await cli.client(),
      isTls: tls !== undefined,
      isReadOnly: flags["read-only"],
      hostNames: flags["host-name"],
      stateFolder: flags.state || defaultState(cli),
      checkPassword: passwords?.check,
      announce(next) {
        token = next;
        if (url) cli.print(`Logged in. For another browser: ${url}#${next}`);
      },
    });
    const listening = await listenUi(ui, address, tls);
    url = listening.url;
    if (warning) cli.warn(warning);
    const entry = token === undefined ? url : `${url}#${token}`;
    cli.print(`Open ${entry}`);
    const closeWay = flags["no-browser"] ? undefined : openBrowser(cli, entry);
    await untilStopped();
    closeWay?.();
    ui.close();
    listening.server.closeAllConnections();
    await passwords?.close();
    return 0;
  },
});

function readTls(cert: string, key: string): { cert: Buffer; key: Buffer } | undefined {
  if (cert === "" && key === "") return undefined;
  if (cert === "" || key === "") throw new Error("--tls-cert and --tls-key go together");
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

async function openPasswords(path: string) {
  if (path === "") return undefined;
  const { openPasswordFile } = await import("../../registry/htpasswd.ts");
  return openPasswordFile(path);
}

function defaultState({ env }: Cli): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local/state"), "berth-ui");
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}
