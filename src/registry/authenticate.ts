import type { IncomingMessage } from "node:http";
import { RegistryError } from "./errors.ts";

/** Lets a request in, or not. @throws RegistryError UNAUTHORIZED, with the challenge */
export type Authenticate = (input: IncomingMessage) => Promise<void>;

/** Whether this is the user's password. */
export type CheckPassword = (user: string, password: string) => Promise<boolean>;

/** HTTP's basic authentication (RFC 7617). */
export function createBasicAuthentication(checkPassword: CheckPassword): Authenticate {
  return async ({ headers: { authorization } }) => {
    const credentials = parseBasic(authorization);
    if (credentials && (await checkPassword(credentials.user, credentials.password))) return;
    throw new RegistryError("UNAUTHORIZED", "authentication required", {
      headers: { "WWW-Authenticate": 'Basic realm="berth registry", charset="UTF-8"' },
    });
  };
}

function parseBasic(header: string | undefined): { user: string; password: string } | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
