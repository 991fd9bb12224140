import { parseCsvLine } from "../../formats/csv.ts";
import type { DeviceMapping } from "../../formats/docker-api/docker-api.ts";

export interface DeviceRequest {
  Driver: string;
  Count: number;
  DeviceIDs: string[] | null;
  Capabilities: string[][] | null;
  Options: Record<string, string> | null;
}

const cdiName = /^[a-zA-Z][\w.-]*\/[a-zA-Z][\w.-]*=[\w.:-]+$/;

/** `--device`: a device file, or a name of the Container Device Interface (`vendor.com/class=name`). */
export function parseDevices(specs: readonly string[]): {
  mappings: DeviceMapping[];
  requests: DeviceRequest[];
} {
  const names = specs.filter((spec) => cdiName.test(spec));
  const mappings = specs.filter((spec) => !cdiName.test(spec)).map(parseDevice);
  const request = { Driver: "cdi", Count: 0, DeviceIDs: names, Capabilities: null, Options: null };
  return { mappings, requests: names.length > 0 ? [request] : [] };
}

const isMode = (text: string) => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;

function parseDevice(spec: string): DeviceMapping {
  const [host = "", second = host, third, ...rest] = spec.split(":");
  if (host === "") throw new Error(`bad format for path: ${spec}`);
  if (rest.length > 0) throw new Error(`invalid device specification: ${spec}`);
  if (third !== undefined) {
    if (!isMode(third)) throw new Error(`bad mode specified: ${third}`);
    return { PathOnHost: host, PathInContainer: absolute(second), CgroupPermissions: third };
  }
  if (second !== host && isMode(second)) {
    return { PathOnHost: host, PathInContainer: host, CgroupPermissions: second };
  }
  return { PathOnHost: host, PathInContainer: absolute(second), CgroupPermissions: "rwm" };
}

function absolute(path: string): string {
  if (!path.startsWith("/")) throw new Error(`${path} is not an absolute path`);
  return path;
}

/** `--gpus`: `all`, a number, or `device=0,driver=nvidia,capabilities=utility`. @throws Error in Docker's words */
export function parseGpus(text: string): DeviceRequest {
  const request: DeviceRequest = { Driver: "", Count: 0, DeviceIDs: null, Capabilities: null, Options: {} };
  let hasCount = false;
  for (const field of parseCsvLine(text)) {
    const [key, value] = field.includes("=")
      ? [field.slice(0, field.indexOf("=")), field.slice(field.indexOf("=") + 1)]
      : ["count", field];
    if (key === "count") {
      if (value !== "all" && !/^\d+$/.test(value)) {
        throw new Error(`invalid count (${value}): value must be either "all" or an integer`);
      }
      request.Count = value === "all" ? -1 : Number(value);
      hasCount = true;
    } else if (key === "driver") request.Driver = value;
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else if (key === "options") {
      request.Options = Object.fromEntries(value.split(",").map((pair) => pair.split("=", 2)));
    } else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (!hasCount && request.DeviceIDs === null) request.Count = 1;
  request.Capabilities ??= [["gpu"]];
  return request;
}
