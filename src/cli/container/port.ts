import { defineCommand, ExitError } from "../command.ts";
import { joinHost } from "./row.ts";

export const command = defineCommand({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  arity: [1, 2],
  flags: {},
  async run({ cli, args: [id = "", wanted] }) {
    const client = await cli.client();
    const { NetworkSettings: settings } = await client.containers.inspect(id);
    const address = ({ HostIp, HostPort }: { HostIp: string; HostPort: string }) =>
      `${joinHost(HostIp)}:${HostPort}`;
    if (wanted === undefined) {
      const lines = Object.entries(settings.Ports ?? {}).flatMap(([port, bindings]) =>
        (bindings ?? []).map((binding) => `${port} -> ${address(binding)}`),
      );
      for (const line of lines.sort(byPort)) cli.print(line);
      return;
    }
    const [number = "", protocol = "tcp"] = wanted.split("/");
    if (!/^\d+$/.test(number))
      throw new ExitError(
        1,
        `Error: invalid port (${number}): strconv.ParseUint: parsing "${number}": invalid syntax`,
      );
    const bindings = settings.Ports?.[`${number}/${protocol}`];
    if (!bindings?.length) throw new ExitError(1, `Error: No public port '${wanted}' published for ${id}`);
    for (const binding of bindings) cli.print(address(binding));
  },
});

/** As Docker sorts them: numbers by their value, and before everything else. */
function byPort(a: string, b: string): number {
  const [one = [], other = []] = [a, b].map((line) => line.match(/\d+|\D/g) ?? []);
  const place = one.findIndex((part, index) => part !== other[index]);
  const [mine = "", others = ""] = [one[place], other[place]];
  const isNumber = (part: string) => /^\d/.test(part);
  if (isNumber(mine) && isNumber(others)) return Number(mine) - Number(others);
  if (isNumber(mine) !== isNumber(others)) return isNumber(mine) ? -1 : 1;
  return mine < others ? -1 : 1;
}
