import { authShape } from "./docker-api/docker-api-bodies.ts";
import { isObject, parseJson } from "./json.ts";
import { type Decoded, decode } from "./shape.ts";

/** How a user is known to a registry, as Docker's clients send it. */
export interface RegistryAuth {
  username?: string;
  password?: string;
  /** What a registry gave at login in the password's stead: an OAuth 2 refresh token. */
  identityToken?: string;
  /** Sent as it is. */
  registryToken?: string;
  serverAddress?: string;
}

/** Docker Hub's name among logins. */
export const hubAddress = "https://index.docker.io/v1/";

/** Reads the header `X-Registry-Auth`: JSON in base64, of either alphabet. One that is unreadable counts as none, as dockerd takes it. */
export function decodeRegistryAuth(header: string | undefined): RegistryAuth {
  const value = decodeHeader(header);
  return (value && readSoundAuth(value)) ?? {};
}

/** Reads the header `X-Registry-Config`: the same by registry. What is unreadable counts as none. */
export function decodeRegistryConfig(header: string | undefined): ReadonlyMap<string, RegistryAuth> {
  const auths = new Map<string, RegistryAuth>();
  for (const [address, value] of Object.entries(decodeHeader(header) ?? {})) {
    const auth = readSoundAuth(value);
    if (auth) auths.set(address, auth);
  }
  return auths;
}

/** The address under which a registry's login is kept. @param domain of a reference */
export function loginAddressOf(domain: string): string {
  return ["", "docker.io", "index.docker.io", "registry-1.docker.io"].includes(domain) ? hubAddress : domain;
}

/** Which of the names under which logins are kept is an address's: it itself, or one with a scheme or a path, as others wrote them. */
export function findLoginName(names: readonly string[], address: string): string | undefined {
  return names.includes(address) ? address : names.find((name) => hostOf(name) === address);
}

/** "https://registry.example.com/v2/" → "registry.example.com" */
export function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, "").split("/")[0] ?? "";
}

function decodeHeader(header: string | undefined): Record<string, unknown> | undefined {
  if (!header) return undefined;
  try {
    return parseJson(Buffer.from(header, "base64").toString(), "header");
  } catch {
    return undefined;
  }
}

function readSoundAuth(value: unknown): RegistryAuth | undefined {
  if (!isObject(value)) return undefined;
  try {
    return readRegistryAuth(decode(authShape, value));
  } catch {
    return undefined;
  }
}

export function readRegistryAuth(given: Decoded<typeof authShape>): RegistryAuth {
  let { username, password } = given;
  if (given.auth !== "" && username === "")
    [username, password] = splitPair(Buffer.from(given.auth, "base64").toString());
  return withoutEmpty({
    username,
    password,
    identityToken: given.identitytoken,
    registryToken: given.registrytoken,
    serverAddress: given.serveraddress,
  });
}

/** "user:password", as it is kept and sent. */
export function splitPair(pair: string): [user: string, password: string] {
  const colon = pair.indexOf(":");
  return colon < 0 ? [pair, ""] : [pair.slice(0, colon), pair.slice(colon + 1).replace(/\0+$/, "")];
}

function withoutEmpty(auth: Record<keyof RegistryAuth, string>): RegistryAuth {
  return Object.fromEntries(Object.entries(auth).filter(([, value]) => value !== ""));
}
