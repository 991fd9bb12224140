import { invalid } from "../errors.ts";
import { parseCsvLine } from "../formats/csv.ts";
import { parseGoBool } from "../formats/go-bool.ts";
import { suggest } from "./suggest.ts";

/** Of `RUN --device`: a CDI device or class. */
export interface RunDevice {
  name: string;
  isRequired: boolean;
}

/** @throws EngineError invalid, in BuildKit's words */
export function parseRunDevice(text: string): RunDevice {
  const device: RunDevice = { name: "", isRequired: false };
  for (const field of readFields(text, "devices")) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = field.slice(equals + 1);
    if (key === "required") device.isRequired = equals < 0 || readBoolean(key, value);
    else if (key === "name" && equals >= 0) {
      if (device.name !== "") throw invalid(`device name already set to ${device.name}`);
      device.name = value;
    } else if (device.name === "") device.name = field;
    else if (equals < 0) throw invalid(`invalid field '${field}' must be a key=value pair`);
    else throw invalid(suggest(`unexpected key '${key}' in '${field}'`, key, ["name", "required"]));
  }
  return device;
}

/** Of a comma-separated flag. @throws EngineError invalid */
export function readFields(text: string, what: string): string[] {
  if (text === "") throw invalid(`failed to parse csv ${what}: EOF`);
  try {
    return parseCsvLine(text);
  } catch {
    // BuildKit counts to the quote that has no partner.
    const column = text.lastIndexOf(',"') + 3;
    throw invalid(
      `failed to parse csv ${what}: parse error on line 1, column ${column}: extraneous or missing " in quoted-field`,
    );
  }
}

export function readBoolean(key: string, value: string): boolean {
  const bool = parseGoBool(value);
  if (bool === undefined) throw invalid(`invalid value for ${key}: ${value}`);
  return bool;
}
