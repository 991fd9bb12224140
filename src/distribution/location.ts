/** A registry behind a proxy may give only the path, or not know that it is spoken to over TLS. */
export function resolveLocation(location: string | undefined, asked: string): string {
  if (!location) return asked;
  const [next, from] = [new URL(location, asked), new URL(asked)];
  const isWrong = next.protocol === "http:" && from.protocol === "https:" && next.hostname === from.hostname;
  const isHere = next.port === "" || next.port === from.port;
  return isWrong && isHere ? new URL(next.pathname + next.search, from).href : next.href;
}
