import { invalid, messageOf, notImplemented } from "../../errors.ts";
import { parseSize } from "../../formats/units.ts";
import type { JsonFileLog } from "../../supervisor-protocol/protocol.ts";

const defaultSizeBytes = 20_000_000;
const defaultFiles = 5;

/** Further options of Docker's json-file driver. */
const notYet = ["compress", "env", "env-regex", "labels", "labels-regex", "max-buffer-size", "mode", "tag"];

/** @throws EngineError invalid, notImplemented */
export function checkJsonFileOptions(options: Record<string, string>): void {
  for (const name of Object.keys(options)) {
    if (notYet.includes(name)) throw notImplemented(`not yet supported: --log-opt ${name}`);
    if (name === "max-size" || name === "max-file") continue;
    throw invalid(`unknown log opt '${name}' for json-file log driver`);
  }
  readJsonFileOptions(options);
}

/** @throws EngineError invalid */
export function readJsonFileOptions(
  options: Record<string, string>,
): Pick<JsonFileLog, "maxSizeBytes" | "maxFiles"> {
  return {
    maxSizeBytes: parseMaxSize(options["max-size"]) ?? defaultSizeBytes,
    maxFiles: parseMaxFile(options["max-file"]) ?? defaultFiles,
  };
}

const refuse = (reason: string, cause?: unknown) =>
  invalid(`failed to initialize logging driver: ${reason}`, cause);

/** "10m" or "1g", in bytes. */
function parseMaxSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let bytes: number;
  try {
    bytes = parseSize(text);
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
