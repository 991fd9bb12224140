import { invalid } from "../errors.ts";
import { parseJson } from "./json.ts";

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

/** Reads the header `X-Registry-Auth`: JSON in base64, of either alphabet. @throws invalid */
export function decodeRegistryAuth(header: string | undefined): RegistryAuth {
  if (!header) return {};
  const text = Buffer.from(header, "base64").toString();
  // Docker's clients send "null" where they know nothing.
  if (text.trim() === "" || text.trim() === "null") return {};
  return readRegistryAuth(parseJson(text, "X-Registry-Auth header"));
}

/** Reads the fields of Docker's AuthConfig. @throws invalid */
export function readRegistryAuth(value: Record<string, unknown>): RegistryAuth {
  const text = (name: string) => {
    const field = value[name];
    if (field === undefined || field === null || field === "") return undefined;
    if (typeof field !== "string") throw invalid(`invalid registry credentials: ${name} is not a text`);
    return field;
  };
  let [username, password] = [text("username"), text("password")];
  const pair = text("auth");
  if (pair !== undefined && username === undefined) {
    [username = "", password = ""] = splitPair(Buffer.from(pair, "base64").toString());
  }
  return withoutEmpty({
    username,
    password,
    identityToken: text("identitytoken"),
    registryToken: text("registrytoken"),
    serverAddress: text("serveraddress"),
  });
}

function splitPair(pair: string): [string, string] {
  const colon = pair.indexOf(":");
  return colon < 0 ? [pair, ""] : [pair.slice(0, colon), pair.slice(colon + 1).replace(/\0+$/, "")];
}

function withoutEmpty(auth: { [K in keyof RegistryAuth]: string | undefined }): RegistryAuth {
  return Object.fromEntries(Object.entries(auth).filter(([, value]) => value)) as RegistryAuth;
}
