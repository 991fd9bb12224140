const mask = "xxxxx";

/**
 * Covers user names and passwords in addresses of the web, wherever they stand in a text. The user of an ssh address is no secret.
 */
export function redactAddresses(text: string): string {
  return text.replace(
    /(?<scheme>\b(?:https?|git|ssh):\/\/)(?<user>[^\s/?#]+)@/gi,
    (_all, scheme: string, user: string) => {
      if (user.includes(":")) return `${scheme}${mask}:${mask}@`;
      return /^http/i.test(scheme) ? `${scheme}${mask}@` : `${scheme}${user}@`;
    },
  );
}

/** Takes the credentials of an http address away. @returns them decoded, as `user:password`; undefined for none */
export function splitCredentials(address: string): { address: string; credentials: string | undefined } {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return { address, credentials: undefined };
  const url = new URL(address);
  if (url.username === "" && url.password === "") return { address, credentials: undefined };
  const credentials = `${decode(url.username)}:${decode(url.password)}`;
  url.username = "";
  url.password = "";
  return { address: url.href, credentials };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
