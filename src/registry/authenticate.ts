import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { RegistryError } from "./errors.ts";

/** Lets a request in, or not. @throws RegistryError UNAUTHORIZED, with the challenge */
export type Authenticate = (input: IncomingMessage) => Promise<void>;

/** Whether this is the user's password. */
export type CheckPassword = (user: string, password: string, client: LoginClient) => Promise<boolean>;

export interface LoginClient {
  address: string;
  /** Aborted when it has gone. */
  signal: AbortSignal;
}

/** HTTP's basic authentication (RFC 7617). */
export function createBasicAuthentication(checkPassword: CheckPassword): Authenticate {
  return async ({ headers: { authorization }, socket }) => {
    const credentials = parseBasic(authorization);
    if (credentials && (await checkFor(socket, credentials))) return;
    throw new RegistryError("UNAUTHORIZED", "authentication required", {
      headers: { "WWW-Authenticate": 'Basic realm="berth registry", charset="UTF-8"' },
    });
  };

  async function checkFor(socket: Socket, { user, password }: Credentials): Promise<boolean> {
    const gone = new AbortController();
    const leave = () => gone.abort();
    socket.once("close", leave);
    try {
      const client = { address: socket.remoteAddress ?? "", signal: gone.signal };
      return await checkPassword(user, password, client);
    } finally {
      socket.off("close", leave);
    }
  }
}

interface Credentials {
  user: string;
  password: string;
}

function parseBasic(header: string | undefined): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
