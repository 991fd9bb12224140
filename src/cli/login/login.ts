import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { hubAddress } from "../../formats/registry-auth.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, string } from "../flag.ts";
import { addressOf, authOf, findLogin, keepLogin, type Login } from "./credentials.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVER]",
  description:
    "Without a server, Docker Hub. The login is kept in config.json, or by the credential helper named there.",
  arity: [0, 1],
  flags: {
    password: string("p", "Password"),
    "password-stdin": bool("", "Take the password from stdin"),
    username: string("u", "Username"),
  },
  async run({ cli, flags, given, args: [server = ""] }) {
    checkFlags(given);
    if (given.has("password")) {
      cli.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    const address = addressOf(server);
    const client = await cli.client();
    const attempt = async (login: Login): Promise<Login> => {
      const { IdentityToken } = await client.login(authOf(login, address));
      return { ...login, ...(IdentityToken && { identitytoken: IdentityToken }) };
    };
    const known = given.size === 0 ? await findLogin(cli, address) : undefined;
    if (known) {
      cli.print("Authenticating with existing credentials...");
      const login = await attempt(known).catch((error: unknown) => {
        cli.warn(`Login did not succeed, error: ${error instanceof Error ? error.message : error}`);
      });
      if (login) return finish(cli, address, login);
    }
    const login = await attempt(await askForLogin(cli, address, flags, known?.username));
    return finish(cli, address, login);
  },
});

function checkFlags(given: ReadonlySet<string>): void {
  if (!given.has("password-stdin")) return;
  if (given.has("password"))
    throw new ExitError(1, "conflicting options: cannot specify both --password and --password-stdin");
  if (!given.has("username"))
    throw new ExitError(1, "the --password-stdin option requires --username to be set");
}

async function finish(cli: Cli, address: string, login: Login): Promise<number> {
  const file = await keepLogin(cli, address, login);
  if (file) {
    cli.warn(
      `WARNING! Your password will be stored unencrypted in ${file}.\n` +
        "Configure a credential helper to remove this warning. See\n" +
        "https://docs.docker.com/engine/reference/commandline/login/#credentials-store\n",
    );
  }
  cli.print("Login Succeeded");
  return 0;
}

async function askForLogin(
  cli: Cli,
  address: string,
  flags: { username: string; password: string; "password-stdin": boolean },
  knownUser = "",
): Promise<Login> {
  if (flags["password-stdin"]) {
    return { username: flags.username, password: (await text(cli.stdin)).replace(/\r?\n$/, "") };
  }
  if (flags.username !== "" && flags.password !== "") return flags;
  if (cli.stdin.isTTY !== true) {
    throw new ExitError(
      1,
      "Error: Cannot perform an interactive login from a non TTY device: use --username with --password-stdin",
    );
  }
  if (address === hubAddress && flags.username === "") {
    cli.print(
      "Login with your Docker ID to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com to create one.",
    );
  }
  const shown = knownUser === "" ? "" : ` (${knownUser})`;
  const username = flags.username || (await ask(cli, `Username${shown}: `)) || knownUser;
  if (username === "") throw new ExitError(1, "Error: Non-null Username Required");
  const password = flags.password || (await ask(cli, "Password: ", true));
  if (password === "") throw new ExitError(1, "Error: Password Required");
  return { username, password };
}

/** One line of the terminal. @param isSecret what is typed is not shown */
async function ask(cli: Cli, question: string, isSecret = false): Promise<string> {
  if (isSecret) cli.stdout.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: cli.stdin, output: isSecret ? silent : cli.stdout, terminal: true });
  try {
    const line = await lines.question(isSecret ? "" : question);
    if (isSecret) cli.stdout.write("\n");
    return isSecret ? line : line.trim();
  } finally {
    lines.close();
  }
}
