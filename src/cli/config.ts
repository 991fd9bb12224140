import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode, messageOf } from "../errors.ts";
import { isObject } from "../formats/json.ts";
import { type Decoded, decode, list, mapOf, optional, struct, text } from "../formats/shape.ts";
import { describeError } from "./system-error.ts";

const proxyShape = struct("configfile.ProxyConfig", {
  httpProxy: optional(text),
  httpsProxy: optional(text),
  ftpProxy: optional(text),
  noProxy: optional(text),
  allProxy: optional(text),
});

const loginShape = struct("types.AuthConfig", {
  username: optional(text),
  password: optional(text),
  /** User and password in base64; counts before those. */
  auth: optional(text),
  identitytoken: optional(text),
  registrytoken: optional(text),
});

const configShape = struct("ConfigFile", {
  detachKeys: optional(text),
  HttpHeaders: optional(mapOf(text)),
  psFormat: optional(text),
  imagesFormat: optional(text),
  networksFormat: optional(text),
  volumesFormat: optional(text),
  statsFormat: optional(text),
  /** "label=a": for every command that prunes. */
  pruneFilters: optional(list(text)),
  currentContext: optional(text),
  /** Where further plugins are. */
  cliPluginsExtraDirs: optional(list(text)),
  /** By plugin: after which commands it is asked what to say (`hooks`, `error-hooks`). */
  plugins: optional(mapOf(mapOf(text))),
  features: optional(mapOf(text)),
  /** By daemon host, or "default". */
  proxies: optional(mapOf(proxyShape)),
  auths: optional(mapOf(loginShape)),
  /** Credential helpers (`docker-credential-NAME`): for all registries, and by registry. */
  credsStore: optional(text),
  credHelpers: optional(mapOf(text)),
});

export type KeptLogin = Decoded<typeof loginShape>;

export type ProxyConfig = Decoded<typeof proxyShape>;

/** Docker's config.json, as far as it is honoured. */
export type CliConfig = Decoded<typeof configShape>;

/** A file that cannot be read counts as none, with a warning in Docker's words. */
export function readCliConfig(folder: string, warn: (line: string) => void): CliConfig {
  const file = join(folder, "config.json");
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) warn(`WARNING: Error loading config file: ${describeError(error)}`);
    return {};
  }
  try {
    return decode(configShape, JSON.parse(content), "ConfigFile");
  } catch (error) {
    warn(`WARNING: Error parsing config file (${file}): ${messageOf(error)}`);
    return readSoundMembers(content);
  }
}

/** What is wrong is left out, and nothing else: another engine would be meant without the context that is named beside it. */
function readSoundMembers(content: string): CliConfig {
  let given: unknown;
  try {
    given = JSON.parse(content);
  } catch {
    return {};
  }
  if (!isObject(given)) return {};
  const config: CliConfig = {};
  for (const [name, value] of Object.entries(given)) {
    const parts = isObject(value) ? Object.entries(value).map(([key, one]) => ({ [key]: one })) : [value];
    for (const part of parts) mergeMember(config, name, part);
  }
  return config;
}

function mergeMember(config: CliConfig, name: string, value: unknown): void {
  try {
    const decoded = decode(configShape, { [name]: value }, "ConfigFile");
    for (const [key, one] of Object.entries(decoded)) {
      const before: unknown = Reflect.get(config, key);
      Object.assign(config, { [key]: isObject(before) && isObject(one) ? { ...before, ...one } : one });
    }
  } catch {
    // The warning has named one already.
  }
}

const environmentShape = struct("configfile.configEnv", { auths: mapOf(loginShape) });

/** The logins of DOCKER_AUTH_CONFIG, which count before those of config.json. What is wrong with it is warned of in Docker's words. */
export function readEnvironmentLogins(
  given: string | undefined,
  warn: (line: string) => void,
): Readonly<Record<string, KeptLogin>> {
  if (!given) return {};
  try {
    const { auths } = decode(environmentShape, JSON.parse(given));
    const [bare] = Object.entries(auths ?? {}).find(([, { auth }]) => !auth) ?? [];
    if (bare === undefined) return auths ?? {};
    warn(
      `Failed to create credential store from DOCKER_AUTH_CONFIG:  DOCKER_AUTH_CONFIG environment variable is missing key \`auth\` for ${bare}`,
    );
  } catch (error) {
    warn(`Failed to create credential store from DOCKER_AUTH_CONFIG:  ${messageOf(error)}`);
  }
  return {};
}
