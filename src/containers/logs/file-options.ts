import { EngineError, invalid, messageOf } from "../../errors.ts";
import { parseGoBool } from "../../formats/go-bool.ts";
import { parseDecimalSize, parseSize } from "../../formats/units.ts";
import type { JsonFileLog } from "../../supervisor-protocol/protocol.ts";

export type DriverOptions = Record<string, string>;

/** How much of a log is kept, and how. */
export type Kept = Pick<JsonFileLog, "maxSizeBytes" | "maxFiles" | "compress">;

const defaultSizeBytes = 20_000_000;
const defaultFiles = 5;

/** Docker's driver whose defaults count. The one exception is that json-file has a bound here. */
export type FileDriver = "json-file" | "local";

/**
 * Reads max-size, max-file and compress.
 * @param prefix of their names: "cache-" where the file stands in for a log that is elsewhere
 * @throws EngineError invalid
 */
export function readFileOptions(options: DriverOptions, driver: FileDriver, prefix = ""): Kept {
  const given = parseFileOptions(options, prefix);
  const hasOneFile = driver === "json-file" && given.maxSizeBytes !== undefined;
  const { maxSizeBytes = defaultSizeBytes, maxFiles = hasOneFile ? 1 : defaultFiles } = given;
  const { compress = driver === "local" } = given;
  return { maxSizeBytes, maxFiles, ...(compress && maxFiles > 1 && { compress: true }) };
}

/** Containers of earlier versions may have what is refused here, and run on. @throws EngineError invalid */
export function checkFileOptions(options: DriverOptions, driver: FileDriver, prefix = ""): void {
  const { maxSizeBytes, maxFiles, compress } = parseFileOptions(options, prefix);
  if (!compress) return;
  if (driver === "json-file" && (maxSizeBytes === undefined || maxFiles === undefined || maxFiles < 2))
    throw refuse("compress cannot be true when max-file is less than 2 or max-size is not set");
  if (maxFiles === 1) throw refuse("compression cannot be enabled when max file count is 1");
}

function parseFileOptions(options: DriverOptions, prefix: string) {
  const given = (name: string) => options[`${prefix}${name}`];
  const [maxSizeBytes, maxFiles] = [parseMaxSize(given("max-size")), parseMaxFile(given("max-file"))];
  return { maxSizeBytes, maxFiles, compress: parseFlag(given("compress")) };
}

const defaultBufferBytes = 1_000_000;

/**
 * Reads mode and max-buffer-size, which all drivers have.
 * @returns how much a process may have waiting, when it is never to wait itself
 * @throws EngineError invalid in Docker's words
 */
export function readMode(options: DriverOptions): number | undefined {
  const { mode = "", "max-buffer-size": size } = options;
  if (!["", "blocking", "non-blocking"].includes(mode))
    throw invalid(`logger: logging mode not supported: ${mode}`);
  if (mode !== "non-blocking") {
    if (size !== undefined)
      throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    return undefined;
  }
  if (size === undefined) return defaultBufferBytes;
  try {
    return parseSize(size);
  } catch (error) {
    throw invalid(`error parsing option max-buffer-size: ${messageOf(error)}`, error);
  }
}

const refuse = (reason: string, cause?: unknown) =>
  invalid(`failed to initialize logging driver: ${reason}`, cause);

/** "10m" or "1g", in bytes: powers of 1000. */
function parseMaxSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let bytes: number;
  try {
    bytes = parseDecimalSize(text);
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  if (!(bytes > 0)) throw refuse("max-size must be a positive number");
  return bytes;
}

function parseMaxFile(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw refuse(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) < 1) throw refuse("max-file cannot be less than 1");
  return Number(text);
}

function parseFlag(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  try {
    return readBool(text);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw refuse(error.message, error);
  }
}

/** @throws EngineError invalid in Go's words */
export function readBool(text: string): boolean {
  const flag = parseGoBool(text);
  if (flag === undefined) throw invalid(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  return flag;
}
