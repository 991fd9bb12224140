import { invalid, messageOf } from "../errors.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import { parseDuration } from "../formats/units.ts";
import { locate, readCommand, someArguments } from "./arguments.ts";
import { readFlags } from "./flags.ts";
import type { Cmd, Entrypoint, HealthCheck, Run, Shell } from "./instructions.ts";
import { parseRunDevice } from "./run-device.ts";
import { checkRunMount } from "./run-mount.ts";
import type { Statement } from "./statements.ts";

export function parseRun(statement: Statement): Run {
  const flags = readFlags(statement.flags, {
    mount: "often",
    network: "once",
    security: "once",
    device: "often",
  });
  const mounts = flags.mount ?? [];
  mounts.forEach(checkRunMount);
  const devices = flags.device ?? [];
  devices.forEach(parseRunDevice);
  const network = flags.network?.[0];
  if (network !== undefined && network !== "default" && network !== "none" && network !== "host")
    throw invalid(`invalid network mode ${quoteGo(network)}`);
  const security = flags.security?.[0];
  if (security !== undefined && security !== "sandbox" && security !== "insecure")
    throw invalid(`security ${quoteGo(security)} is not valid`);
  return {
    ...locate(statement),
    kind: "run",
    command: readCommand(statement),
    mounts,
    devices,
    ...(network && { network }),
    ...(security && { security }),
  };
}

export function parseCmd(statement: Statement): Cmd {
  readFlags(statement.flags, {});
  return { ...locate(statement), kind: "cmd", command: readCommand(statement) };
}

export function parseEntrypoint(statement: Statement): Entrypoint {
  readFlags(statement.flags, {});
  return { ...locate(statement), kind: "entrypoint", command: readCommand(statement) };
}

export function parseShell(statement: Statement): Shell {
  readFlags(statement.flags, {});
  const args = someArguments(statement);
  if (!statement.isJson) throw invalid("SHELL requires the arguments to be in JSON form");
  return { ...locate(statement), kind: "shell", args };
}

const noTimes = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };

export function parseHealthCheck(statement: Statement): HealthCheck {
  const [type = "", ...args] = someArguments(statement);
  const upper = type.toUpperCase();
  if (upper === "NONE") {
    if (args.length > 0) throw invalid("HEALTHCHECK NONE takes no arguments");
    // Flags beside it are ignored, as BuildKit does.
    return { ...locate(statement), kind: "healthcheck", command: undefined, ...noTimes };
  }
  const flags = readFlags(statement.flags, {
    interval: "once",
    timeout: "once",
    "start-period": "once",
    "start-interval": "once",
    retries: "once",
  });
  if (upper !== "CMD") throw invalid(`Unknown type ${quoteGo(upper)} in HEALTHCHECK (try CMD)`);
  if (args.length === 0) throw invalid("Missing command after HEALTHCHECK CMD");
  return {
    ...locate(statement),
    kind: "healthcheck",
    command: readCommand(statement, 1),
    interval: readInterval("interval", flags.interval?.[0]),
    timeout: readInterval("timeout", flags.timeout?.[0]),
    startPeriod: readInterval("start-period", flags["start-period"]?.[0]),
    startInterval: readInterval("start-interval", flags["start-interval"]?.[0]),
    retries: readRetries(flags.retries?.[0]),
  };
}

const leastInterval = 1e6;

function readInterval(flag: string, value = ""): number {
  if (value === "") return 0;
  let interval: number;
  try {
    interval = parseDuration(value);
  } catch (error) {
    throw invalid(messageOf(error));
  }
  if (interval !== 0 && interval < leastInterval)
    throw invalid(`Interval ${quoteGo(flag)} cannot be less than 1ms`);
  return interval;
}

function readRetries(value = ""): number {
  if (value === "") return 0;
  const parsing = `strconv.ParseInt: parsing ${quoteGo(value)}`;
  if (!/^[+-]?\d+$/.test(value)) throw invalid(`${parsing}: invalid syntax`);
  const retries = Number(value);
  if (retries >= 2 ** 31 || retries < -(2 ** 31)) throw invalid(`${parsing}: value out of range`);
  if (retries < 0) throw invalid(`--retries cannot be negative (${retries})`);
  return retries;
}
