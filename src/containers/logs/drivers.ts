import { join } from "node:path";
import { invalid, notImplemented } from "../../errors.ts";
import type { HostConfig } from "../../formats/docker-api/docker-api.ts";
import { parseGoBool } from "../../formats/go-bool.ts";
import type { LogOptions } from "../../supervisor-protocol/protocol.ts";
import type { ContainerRecord } from "../container.ts";
import { remoteDrivers } from "../shipping/drivers.ts";
import type { RemoteDriver } from "../shipping/remote.ts";
import { attributeOptions, checkAttributes, describeAttributes } from "./attributes.ts";
import { checkFileOptions, type DriverOptions, readFileOptions, readMode } from "./file-options.ts";
import { openJsonFile } from "./json-file.ts";
import type { LogSource } from "./source.ts";

/** What the daemon knows of a log driver. The supervisor's half is its sink. */
interface LogDriver {
  /** Names of its options, but for those that all have. */
  options: readonly string[];
  /** @throws EngineError invalid in Docker's words */
  check(options: DriverOptions): void;
  /** @param folder the container's. "" for none */
  pathOf(folder: string, id: string): string;
  /** Whether inspect shows where. */
  isShown?: boolean;
  /** What the supervisor needs to know. */
  describe(path: string, record: ContainerRecord, options: DriverOptions): LogOptions;
  /** What Docker says of an option that it has not. */
  refuseOption(name: string): string;
}

/** In our own format, which is nothing that others read. */
const localPath = (folder: string) => join(folder, "container.log");

const jsonFile: LogDriver = {
  options: ["max-size", "max-file", "compress", ...attributeOptions],
  check(options) {
    checkFileOptions(options, "json-file");
    checkAttributes(options);
  },
  pathOf: (folder, id) => join(folder, `${id}-json.log`),
  isShown: true,
  describe(path, record, options) {
    const attributes = describeAttributes(record, options);
    return {
      driver: "json-file",
      path,
      ...readFileOptions(options, "json-file"),
      ...(attributes && { attributes }),
    };
  },
  refuseOption: (name) => `unknown log opt '${name}' for json-file log driver`,
};

const local: LogDriver = {
  options: ["max-size", "max-file", "compress"],
  check: (options) => checkFileOptions(options, "local"),
  pathOf: localPath,
  describe: (path, _, options) => ({ driver: "json-file", path, ...readFileOptions(options, "local") }),
  refuseOption: (name) => `unknown log opt '${name}' for log driver local`,
};

/** What is kept here of a log that goes elsewhere: it is sent from here, and read. */
const cacheOptions = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];

function createRemote({ options, check, refuseOption }: RemoteDriver): LogDriver {
  return {
    options: [...options, ...cacheOptions],
    check(given) {
      const { "cache-disabled": disabled } = given;
      if (disabled !== undefined && parseGoBool(disabled) === undefined)
        throw invalid(`invalid value for option cache-disabled: ${disabled}`);
      check(given);
      checkFileOptions(given, "local", "cache-");
    },
    pathOf: localPath,
    describe: (path, _, given) => ({
      driver: "json-file",
      path,
      ...readFileOptions(given, "local", "cache-"),
    }),
    refuseOption,
  };
}

const drivers = new Map<string, LogDriver>([
  ["json-file", jsonFile],
  ["local", local],
  ...[...remoteDrivers].map(([name, driver]) => [name, createRemote(driver)] as const),
]);

/** Of "none" any option is taken, and means nothing. */
export const logDriverNames = [...drivers.keys(), "none"];

/** Docker's other drivers. */
const otherDrivers = ["awslogs", "gcplogs", "splunk"];

const commonOptions = ["mode", "max-buffer-size"];

/** @throws EngineError invalid, notImplemented */
export function checkLogConfig({ Type: type, Config }: HostConfig["LogConfig"]): void {
  const options = Config ?? {};
  if (type === "none") return;
  if (otherDrivers.includes(type)) throw notImplemented("not yet supported: --log-driver");
  const driver = drivers.get(type);
  if (!driver) throw invalid(`error looking up logging plugin ${type}: plugin "${type}" not found`);
  readMode(options);
  for (const name of Object.keys(options))
    if (![...driver.options, ...commonOptions].includes(name)) throw invalid(driver.refuseOption(name));
  driver.check(options);
}

const isNone = ({ hostConfig }: ContainerRecord) => hostConfig.LogConfig.Type === "none";
const driverOf = ({ hostConfig }: ContainerRecord) => drivers.get(hostConfig.LogConfig.Type) ?? jsonFile;

/** Where a container's log is as inspect shows it: "" for one that others cannot read. @param folder the container's */
export function shownLogPath(folder: string, record: ContainerRecord): string {
  return driverOf(record).isShown ? logPathOf(folder, record) : "";
}

/** Where a container's log is, "" when it has none. @param folder the container's */
export function logPathOf(folder: string, record: ContainerRecord): string {
  return isNone(record) ? "" : driverOf(record).pathOf(folder, record.id);
}

/** Where and how the supervisor is to log a container's output. @throws EngineError invalid */
export function logOptionsOf(folder: string, record: ContainerRecord): LogOptions {
  if (isNone(record)) return { driver: "none" };
  const options = record.hostConfig.LogConfig.Config ?? {};
  const droppedAboveBytes = readMode(options);
  const described = driverOf(record).describe(logPathOf(folder, record), record, options);
  return { ...described, ...(droppedAboveBytes !== undefined && { droppedAboveBytes }) };
}

/** Undefined when the driver's logs cannot be read. */
export function findLogSource(folder: string, record: ContainerRecord): LogSource | undefined {
  const isHidden = parseGoBool(record.hostConfig.LogConfig.Config?.["cache-disabled"] ?? "false");
  return isNone(record) || isHidden ? undefined : openJsonFile(logPathOf(folder, record));
}
