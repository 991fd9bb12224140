import type { Client } from "../client/client.ts";

/** The engine behind the page, whichever version it has today: it may be replaced while the page stays open. */
export interface EngineLink {
  /** Once both sides agree on a version. @throws ConnectionError */
  client(): Promise<Client>;
  /** Asks for the version again at the next use, after a connection has failed. */
  forget(): void;
}

export function createEngineLink(client: Client): EngineLink {
  const chosen = client.transport.version;
  let agreed: Promise<unknown> | undefined;
  const forget = () => {
    agreed = undefined;
    client.transport.useVersion(chosen);
  };
  return {
    async client() {
      agreed ??= client.negotiate();
      try {
        await agreed;
      } catch (error) {
        forget();
        throw error;
      }
      return client;
    },
    forget,
  };
}
