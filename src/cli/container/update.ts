import type { ContainerUpdate, PortOfHost } from "../../client/containers.ts";
import type { PortMap } from "../../formats/docker-api/docker-api.ts";
import { parsePortSpec } from "../../formats/port-spec.ts";
import { defineCommand, ExitError } from "../command.ts";
import { forEachArgument } from "../each.ts";
import { bytes, int, repeated, string, uint16 } from "../flag.ts";
import { memorySwap, nanoCpus } from "./create-values.ts";
import { parseRestart } from "./host-config.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1],
  flags: {
    "blkio-weight": uint16(
      "",
      "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
    ),
    "cpu-period": int("", "Limit CPU CFS (Completely Fair Scheduler) period"),
    "cpu-quota": int("", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    "cpu-rt-period": int("", "Limit the CPU real-time period in microseconds"),
    "cpu-rt-runtime": int("", "Limit the CPU real-time runtime in microseconds"),
    "cpu-shares": int("c", "CPU shares (relative weight)"),
    cpus: nanoCpus("Number of CPUs"),
    "cpuset-cpus": string("", "CPUs in which to allow execution (0-3, 0,1)"),
    "cpuset-mems": string("", "MEMs in which to allow execution (0-3, 0,1)"),
    "kernel-memory": { ...bytes("", "Kernel memory limit"), isHidden: true },
    memory: bytes("m", "Memory limit"),
    "memory-reservation": bytes("", "Memory soft limit"),
    "memory-swap": memorySwap("Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    "pids-limit": int("", "Tune container pids limit (set -1 for unlimited)"),
    "publish-add": repeated(
      "",
      "Publish another of the container's ports, as run's --publish, without a restart",
    ),
    "publish-rm": repeated("", "Take a published port of the host away: [IP:]PORT[/PROTOCOL]"),
    restart: string("", "Restart policy to apply when a container exits"),
  },
  async run({ cli, flags, given, args }) {
    if (given.size === 0) {
      throw new ExitError(1, "you must provide one or more flags when using this command");
    }
    const body: ContainerUpdate = {
      BlkioWeight: flags["blkio-weight"],
      CpuShares: flags["cpu-shares"],
      Memory: flags.memory,
      MemoryReservation: flags["memory-reservation"],
      MemorySwap: flags["memory-swap"],
      CpuPeriod: flags["cpu-period"],
      CpuQuota: flags["cpu-quota"],
      CpuRealtimePeriod: flags["cpu-rt-period"],
      CpuRealtimeRuntime: flags["cpu-rt-runtime"],
      CpusetCpus: flags["cpuset-cpus"],
      CpusetMems: flags["cpuset-mems"],
      NanoCpus: flags.cpus,
      ...(given.has("pids-limit") && { PidsLimit: flags["pids-limit"] }),
      ...(flags.restart !== "" && { RestartPolicy: parseRestart(flags.restart) }),
    };
    const ports = readPorts(flags["publish-add"], flags["publish-rm"]);
    const isLimited = [...given].some((flag) => !flag.startsWith("publish-"));
    const client = await cli.client();
    const warnings: string[] = [];
    const code = await forEachArgument(cli, args, async (id) => {
      if (ports) await client.containers.changePorts(id, ports);
      if (!isLimited) return id;
      const { Warnings } = await client.containers.update(id, body);
      warnings.push(...(Warnings ?? []));
      return id;
    });
    for (const warning of warnings) cli.print(warning);
    return code;
  },
});

/** Undefined when no port is to change. @throws ExitError */
function readPorts(
  added: readonly string[],
  removed: readonly string[],
): { Publish: PortMap; Unpublish: PortOfHost[] } | undefined {
  if (added.length + removed.length === 0) return undefined;
  const Publish: PortMap = {};
  for (const { port, binding } of added.flatMap(parsePortSpec))
    Publish[port] = [...(Publish[port] ?? []), binding];
  return { Publish, Unpublish: removed.map(parseHostPort) };
}

function parseHostPort(text: string): PortOfHost {
  const [, address = "", HostPort = "", Protocol = "tcp"] =
    /^(?:(.*):)?(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  if (HostPort === "") throw new ExitError(125, `invalid port ${text}: use [IP:]PORT[/PROTOCOL]`);
  return { HostIp: address.replace(/^\[(.*)\]$/, "$1"), HostPort, Protocol };
}
