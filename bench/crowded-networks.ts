import { callApi } from "./call-api.ts";
import type { BenchEngine } from "./engine.ts";
import { inParallel, median, milliseconds } from "./measure.ts";
import type { Row } from "./results.ts";

const networkCount = 200;
const containerCount = 300;
const atOnce = 4;
const samples = 10;

/** Many networks, and many containers in one of them: what the last start costs beside the first, and how long it takes to look. */
export async function benchCrowdedNetworks(engine: BenchEngine): Promise<Row[]> {
  const row = (name: string, value: number): Row => ({
    ...{ name, unit: "ms", samples },
    values: { [engine.name]: value },
  });
  const IPAM = { Config: [{ Subnet: "10.199.0.0/22" }] };
  await callApi(engine, "POST", "/networks/create", { Name: "crowd", IPAM });
  const containers: string[] = [];
  async function create(): Promise<string> {
    const made = await callApi(engine, "POST", "/containers/create", {
      ...{ Image: "busybox", Cmd: ["sleep", "100000"], HostConfig: { NetworkMode: "crowd" } },
    });
    const { Id } = made as { Id: string };
    containers.push(Id);
    return Id;
  }
  async function start(): Promise<number> {
    const id = await create();
    return milliseconds(() => callApi(engine, "POST", `/containers/${id}/start`));
  }
  async function medianOf(work: () => Promise<number>): Promise<number> {
    const taken: number[] = [];
    for (let sample = 0; sample < samples; sample++) taken.push(await work());
    return median(taken);
  }
  const look = (path: string) => () => milliseconds(() => callApi(engine, "GET", path));

  const first = await medianOf(start);
  for (let number = 0; number < networkCount; number++)
    await callApi(engine, "POST", "/networks/create", { Name: `crowd${number}` });
  await inParallel(containerCount - 2 * samples, atOnce, async () => void (await start()));
  const rows = [
    row("start in a network, the first of it", first),
    row(
      `start in a network with ${containerCount} containers, beside ${networkCount} others`,
      await medianOf(start),
    ),
    row(`ls of ${networkCount} networks`, await medianOf(look("/networks"))),
    row(`inspect of a network with ${containerCount} containers`, await medianOf(look("/networks/crowd"))),
  ];
  await inParallel(containers.length, atOnce, (number) =>
    callApi(engine, "DELETE", `/containers/${containers[number]}?force=1`),
  );
  for (let number = 0; number < networkCount; number++)
    await callApi(engine, "DELETE", `/networks/crowd${number}`);
  await callApi(engine, "DELETE", "/networks/crowd");
  return rows;
}
