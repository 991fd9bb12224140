/**
 * What was announced of a container under its name, in its order.
 * @param filters further ones, such as "event=pause"
 */
export async function announcedActions(
  berth: (...words: string[]) => Promise<string>,
  name: string,
  filters: readonly string[] = [],
): Promise<string[]> {
  const until = String(Math.floor(Date.now() / 1000) + 1);
  const wanted = [`container=${name}`, ...filters].flatMap((filter) => ["--filter", filter]);
  const words = ["--since", "10m", "--until", until, ...wanted, "--format", "{{.Action}}"];
  return (await berth("events", ...words)).split("\n");
}
