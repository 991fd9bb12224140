import { spawn } from "node:child_process";
import { parseReference } from "../../formats/reference.ts";
import { findLoginName, hostOf, loginAddressOf, splitPair } from "../../formats/registry-auth.ts";
import type { Cli } from "../cli.ts";
import { type CliConfig, type KeptLogin, readEnvironmentLogins } from "../config.ts";
import { changeConfig } from "./config-file.ts";

/** A login as Docker's clients keep it and send it. */
export interface Login {
  username: string;
  password: string;
  /** Given by the registry in the password's stead. */
  identitytoken?: string;
  /** Sent to the registry as it is. */
  registrytoken?: string;
}

/** A user's name that says that the secret beside it is an identity token. */
const tokenUser = "<token>";

/** The address under which a login is kept, of a registry as the user writes it. */
export function addressOf(server: string): string {
  return loginAddressOf(hostOf(server));
}

/** @throws Error when a credential helper fails */
export async function findLogin(cli: Cli, address: string): Promise<Login | undefined> {
  const given = findKept(environmentLoginsOf(cli), address);
  if (given) return given;
  const helper = helperOf(cli, address);
  if (helper !== undefined) return askHelper(helper, address);
  return findKept(cli.config.auths ?? {}, address);
}

const environmentLogins = new WeakMap<Cli, Readonly<Record<string, KeptLogin>>>();

/** Read once, so that its warning comes once. */
function environmentLoginsOf(cli: Cli): Readonly<Record<string, KeptLogin>> {
  const logins = environmentLogins.get(cli) ?? readEnvironmentLogins(cli.env.DOCKER_AUTH_CONFIG, cli.warn);
  environmentLogins.set(cli, logins);
  return logins;
}

function findKept(auths: Readonly<Record<string, KeptLogin>>, address: string): Login | undefined {
  const name = findLoginName(Object.keys(auths), address);
  const kept = name === undefined ? undefined : auths[name];
  if (!kept) return undefined;
  const { auth, identitytoken, registrytoken } = kept;
  const [username, password] = auth
    ? splitPair(Buffer.from(auth, "base64").toString())
    : [kept.username ?? "", kept.password ?? ""];
  if (!username && !password && !identitytoken && !registrytoken) return undefined;
  return {
    ...{ username, password },
    ...(identitytoken && { identitytoken }),
    ...(registrytoken && { registrytoken }),
  };
}

/** @returns where it is kept in plain text; undefined when a credential helper keeps it */
export async function keepLogin(cli: Cli, address: string, login: Login): Promise<string | undefined> {
  const helper = helperOf(cli, address);
  const { username, password, identitytoken } = login;
  if (helper !== undefined) {
    const [Username, Secret] = identitytoken ? [tokenUser, identitytoken] : [username, password];
    await runHelper(helper, "store", JSON.stringify({ ServerURL: address, Username, Secret }));
    return undefined;
  }
  const keep = (config: CliConfig) => ({
    ...config,
    auths: { ...config.auths, [address]: asKept(login) },
  });
  return changeConfig(cli, keep, true);
}

function asKept({ username, password, identitytoken, registrytoken }: Login): KeptLogin {
  const auth = Buffer.from(`${username}:${identitytoken ? "" : password}`).toString("base64");
  return { auth, ...(identitytoken && { identitytoken }), ...(registrytoken && { registrytoken }) };
}

/** All that there are, wherever they are kept, as config.json has them. @throws Error when a credential helper fails */
export async function listLogins(cli: Cli): Promise<Record<string, KeptLogin>> {
  const { auths, credHelpers, credsStore } = cli.config;
  const names = [
    ...(credsStore ? await listStored(credsStore) : Object.keys(auths ?? {})),
    ...Object.keys(credHelpers ?? {}),
    ...Object.keys(environmentLoginsOf(cli)),
  ];
  const logins: Record<string, KeptLogin> = {};
  for (const name of new Set(names)) {
    const login = await findLogin(cli, name);
    if (login) logins[name] = asKept(login);
  }
  return logins;
}

/** The addresses that a helper keeps logins of. One that has none may say null, as Go's programs do. */
async function listStored(helper: string): Promise<string[]> {
  const answer = await runHelper(helper, "list", "");
  try {
    return Object.keys(JSON.parse(answer || "null") ?? {});
  } catch (error) {
    throw new Error(`error listing credentials - docker-credential-${helper} answered what is no JSON`, {
      cause: error,
    });
  }
}

/** @throws Error when a credential helper fails */
export async function forgetLogin(cli: Cli, address: string): Promise<void> {
  const helper = helperOf(cli, address);
  if (helper !== undefined) await runHelper(helper, "erase", address);
  // Docker names there what a helper keeps.
  const isOfIt = (name: string) => name === address || hostOf(name) === address;
  if (!Object.keys(cli.config.auths ?? {}).some(isOfIt)) return;
  changeConfig(cli, (config) => {
    const auths = Object.entries(config.auths ?? {}).filter(([name]) => !isOfIt(name));
    return { ...config, auths: Object.fromEntries(auths) };
  });
}

/** The login for a registry as `X-Registry-Auth`; undefined when there is none. @param image or a repository */
export async function findAuth(cli: Cli, image: string): Promise<string | undefined> {
  return findAuthAt(cli, addressOf(parseReference(image).domain));
}

/** The same for an address of `addressOf`. */
export async function findAuthAt(cli: Cli, address: string): Promise<string | undefined> {
  const login = await findLogin(cli, address);
  return login && encodeAuth(login, address);
}

const encodeAuth = (login: Login, address: string) =>
  Buffer.from(JSON.stringify(authOf(login, address))).toString("base64url");

/** As `findAuthAt`, for what may be public: a credential helper that fails is a warning, and the request goes without a login. */
export async function findAuthIfAny(cli: Cli, address: string): Promise<string | undefined> {
  const login = await findLoginIfAny(cli, address);
  return login && encodeAuth(login, address);
}

/** As `findLogin`, and as `findAuthIfAny`. */
export async function findLoginIfAny(cli: Cli, address: string): Promise<Login | undefined> {
  try {
    return await findLogin(cli, address);
  } catch (error) {
    cli.warn(`WARNING: ${error instanceof Error ? error.message : error}; going on without a login.`);
    return undefined;
  }
}

/** Docker's AuthConfig. */
export function authOf({ username, password, identitytoken, registrytoken }: Login, address: string): object {
  return {
    ...(identitytoken ? { identitytoken } : { username, password }),
    ...(registrytoken && { registrytoken }),
    serveraddress: address,
  };
}

function helperOf({ config }: Cli, address: string): string | undefined {
  const { credHelpers = {}, credsStore } = config;
  // An empty name keeps this one login in config.json, whatever keeps the others.
  return (Object.hasOwn(credHelpers, address) ? credHelpers[address] : credsStore) || undefined;
}

async function askHelper(helper: string, address: string): Promise<Login | undefined> {
  const answer = await runHelper(helper, "get", address);
  if (answer === undefined) return undefined;
  const { Username: username = "", Secret: secret = "" } = JSON.parse(answer);
  return username === tokenUser
    ? { username: "", password: "", identitytoken: secret }
    : { username, password: secret };
}

const doing = { get: "getting", store: "storing", erase: "erasing", list: "listing" };

/**
 * Docker's protocol of credential helpers: the program `docker-credential-NAME`, one command, input and output as text.
 * @returns undefined when it has no such login. @throws Error in the helper's words
 */
function runHelper(helper: string, command: keyof typeof doing, input: string): Promise<string | undefined> {
  const program = `docker-credential-${helper}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [command], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.once("error", () => {
      reject(
        new Error(
          `error ${doing[command]} credentials - the program ${program} cannot be run: install it or take it out of credsStore and credHelpers in config.json`,
        ),
      );
    });
    child.once("close", (code) => {
      if (code === 0) return resolve(output);
      if (/credentials not found/i.test(output)) return resolve(undefined);
      reject(new Error(`error ${doing[command]} credentials - ${program}: ${output.trim()}`));
    });
    child.stdin.on("error", () => {}).end(input);
  });
}
