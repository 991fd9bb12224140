import { join } from "node:path";
import { invalid, notImplemented } from "../../errors.ts";
import type { HostConfig } from "../../formats/docker-api/docker-api.ts";
import type { LogOptions } from "../../supervisor-protocol/protocol.ts";
import type { ContainerRecord } from "../container.ts";
import { openJsonFile } from "./json-file.ts";
import { checkJsonFileOptions, readJsonFileOptions } from "./json-file-options.ts";
import type { LogSource } from "./source.ts";

type DriverOptions = Record<string, string>;

/** What the daemon knows of a log driver. The supervisor's half is its sink. */
interface LogDriver {
  /** @throws EngineError invalid, notImplemented */
  checkOptions(options: DriverOptions): void;
  /** @param folder the container's. "" for none */
  pathOf(folder: string, id: string): string;
  /** What the supervisor needs to know. */
  describe(path: string, options: DriverOptions): LogOptions;
  /** Undefined for one that cannot be read. */
  open(path: string): LogSource | undefined;
}

const jsonFile: LogDriver = {
  checkOptions: checkJsonFileOptions,
  pathOf: (folder, id) => join(folder, `${id}-json.log`),
  describe: (path, options) => ({ driver: "json-file", path, ...readJsonFileOptions(options) }),
  open: openJsonFile,
};

const drivers = new Map<string, LogDriver>([
  ["json-file", jsonFile],
  [
    "none",
    {
      checkOptions: () => {},
      pathOf: () => "",
      describe: () => ({ driver: "none" }),
      open: () => undefined,
    },
  ],
]);

export const logDriverNames = [...drivers.keys()];

/** Docker's other drivers. */
const otherDrivers = ["awslogs", "fluentd", "gcplogs", "gelf", "journald", "local", "splunk", "syslog"];

/** @throws EngineError invalid, notImplemented */
export function checkLogConfig({ Type: type, Config: options }: HostConfig["LogConfig"]): void {
  if (otherDrivers.includes(type)) throw notImplemented("not yet supported: --log-driver");
  const driver = drivers.get(type);
  if (!driver) throw invalid(`error looking up logging plugin ${type}: plugin "${type}" not found`);
  driver.checkOptions(options ?? {});
}

const driverOf = ({ hostConfig }: ContainerRecord) => drivers.get(hostConfig.LogConfig.Type) ?? jsonFile;

/** Where a container's log is, "" when it has none. @param folder the container's */
export function logPathOf(folder: string, record: ContainerRecord): string {
  return driverOf(record).pathOf(folder, record.id);
}

/** Where and how the supervisor is to log a container's output. @throws EngineError invalid */
export function logOptionsOf(folder: string, record: ContainerRecord): LogOptions {
  return driverOf(record).describe(logPathOf(folder, record), record.hostConfig.LogConfig.Config ?? {});
}

/** Undefined when the driver's logs cannot be read. */
export function findLogSource(folder: string, record: ContainerRecord): LogSource | undefined {
  return driverOf(record).open(logPathOf(folder, record));
}
