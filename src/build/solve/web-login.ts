import { invalid } from "../../errors.ts";
import type { Solving } from "./solving.ts";

/**
 * What the client has for a host of the web, by the names that BuildKit asks for: the host as it is written, without its port.
 * @returns the value of a header `Authorization` @throws EngineError invalid
 */
export async function findWebLogin(
  session: Solving["session"],
  address: string,
): Promise<string | undefined> {
  const client = await session("").catch(() => undefined);
  const [, host] = /^https?:\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)/i.exec(address) ?? [];
  // An author may write an address in which this sees another host than the one that it is sent to.
  if (!client || !host || hostOf(`http://${host}/`) !== hostOf(address)) return undefined;
  const find = async (name: string) => {
    const id = `${name}_${host.replace(/^\[|\]$/g, "")}`;
    const value = (await client.findSecret(id))?.toString("latin1").trim();
    // Said here, where the value is not: what a client of the web says of it shows it.
    if (value && /[^\t\x20-\x7e\x80-\xff]/.test(value))
      throw invalid(`secret ${id} is no value of a header: it must be one line`);
    return value;
  };
  const token = await find("HTTP_AUTH_TOKEN");
  return token ? `Bearer ${token}` : (await find("HTTP_AUTH_HEADER")) || undefined;
}

const hostOf = (address: string) => (URL.canParse(address) ? new URL(address).hostname : undefined);
