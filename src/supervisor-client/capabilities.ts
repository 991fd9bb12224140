import { unavailable } from "../errors.ts";
import type { Capability, GivenLogOptions, LogOptions, Welcome } from "../supervisor-protocol/protocol.ts";

/** What came with the protocol's versions 1, 2 and 3, whose supervisors tell the number alone. This list is closed. */
const byVersion: Capability[][] = [
  ["start", "exec", "adopt", "runtime", "closeInput", "resize", "list", "forget", "shutdown"],
  ["abort"],
  ["exec.client"],
];

/** What a supervisor can do. Names that this version does not know are ignored. */
export function readCapabilities({ methods, protocol }: Welcome): ReadonlySet<string> {
  return new Set(methods ?? byVersion.slice(0, protocol).flat());
}

const laterOptions = ["attributes", "compress", "droppedAboveBytes"] as const;

/**
 * A log's options as this supervisor reads them: without log drivers it takes json-file's options, or nothing.
 * @throws EngineError unavailable when it cannot write such a log
 */
export function sayLog(log: LogOptions, capabilities: ReadonlySet<string>): GivenLogOptions {
  const isPlain = log.driver === "none" || !laterOptions.some((name) => log[name] !== undefined);
  if (!isPlain && !capabilities.has("log.details"))
    throw unavailable("the log's options are not supported by the running supervisor (older version)");
  if (capabilities.has(`log.${log.driver}`)) return log;
  const knowsDrivers = capabilities.has("log.none");
  if (!knowsDrivers && log.driver === "none") return undefined;
  const { driver, ...options } = log as Exclude<LogOptions, { driver: "none" }>;
  if (!knowsDrivers && driver === "json-file") return options;
  throw unavailable(`log driver ${driver} is not supported by the running supervisor (older version)`);
}
