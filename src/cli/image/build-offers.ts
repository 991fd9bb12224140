import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { SessionOffers } from "../../client/build/session.ts";
import { parseCsvLine } from "../../formats/csv.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { addressOf, findLoginIfAny } from "../login/credentials.ts";

interface Secret {
  file?: string;
  env?: string;
}

/** @param given values of `--secret`: "id=mysecret,src=path", "id=x,env=NAME" @throws ExitError */
export function secretsOf(cli: Cli, given: readonly string[]): SessionOffers["findSecret"] {
  const secrets = new Map(given.map((text) => parseSecret(text)));
  return async (id) => {
    const secret = secrets.get(id);
    if (!secret) return undefined;
    const { env, file } = secret;
    const value = env === undefined ? cli.env[id] : cli.env[env];
    if (env !== undefined || (file === undefined && value !== undefined))
      return value === undefined ? undefined : Buffer.from(value);
    return readFileSync(file ?? id);
  };
}

function parseSecret(text: string): [string, Secret] {
  const secret: Secret = {};
  let id = "";
  let isEnv = false;
  for (const field of parseCsvLine(text)) {
    const equals = field.indexOf("=");
    const [key, value] = [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    if (equals < 0) throw new ExitError(1, `invalid field '${field}' must be a key=value pair`);
    if (key === "id") id = value;
    else if (key === "src" || key === "source") secret.file = value;
    else if (key === "env") secret.env = value;
    else if (key === "type" && (value === "file" || value === "env")) isEnv = value === "env";
    else throw new ExitError(1, `unexpected key '${key}' in '${field}'`);
  }
  if (isEnv && secret.env === undefined && secret.file !== undefined) {
    secret.env = secret.file;
    delete secret.file;
  }
  const name = id || (secret.file === undefined ? (secret.env ?? "") : basename(secret.file));
  if (name === "") throw new ExitError(1, `invalid secret ${JSON.stringify(text)}: it has no id`);
  return [name, secret];
}

/** @param given values of `--ssh`: "default", "id=socket" @throws ExitError */
export function agentsOf(cli: Cli, given: readonly string[]): Map<string, string> {
  return new Map(
    given.map((text) => {
      const equals = text.indexOf("=");
      const id = equals < 0 ? text : text.slice(0, equals);
      const socket = equals < 0 ? cli.env.SSH_AUTH_SOCK : text.slice(equals + 1);
      if (!socket) throw new ExitError(1, "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
      return [id || "default", socket];
    }),
  );
}

/** Each registry's login is looked for once: a credential helper that fails costs one warning, and the rest of the build nothing. */
export function credentialsFor(cli: Cli): SessionOffers["findCredentials"] {
  const found = new Map<string, ReturnType<typeof findLoginIfAny>>();
  return async (host) => {
    const address = addressOf(host);
    const looking = found.get(address) ?? findLoginIfAny(cli, address);
    found.set(address, looking);
    const login = await looking;
    if (!login) return undefined;
    const { username, password, identitytoken } = login;
    return identitytoken ? { username: "", secret: identitytoken } : { username, secret: password };
  };
}
