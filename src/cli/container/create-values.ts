import { isIP } from "node:net";
import path from "node:path";
import type { MountSpec, ThrottleDevice, Ulimit } from "../../formats/docker-api/docker-api.ts";
import { parseMountSpec } from "../../formats/mount-spec.ts";
import { parseUlimit } from "../../formats/ulimit.ts";
import { parseDuration, parseSize } from "../../formats/units.ts";
import type { Flag } from "../flag.ts";
import { type DeviceRequest, parseGpus } from "./create-devices.ts";
import { type NetworkAttachment, parseNetwork } from "./create-network.ts";

/** The flags of `create` whose values have a grammar of their own: each is refused with Docker's words. */

const repeated = <T>(help: string, placeholder: string, parse: (text: string) => T): Flag<T[]> => ({
  short: "",
  help,
  placeholder,
  initial: [],
  apply: (previous, text) => [...previous, parse(text)],
});

const single = <T>(help: string, placeholder: string, initial: T, parse: (text: string) => T): Flag<T> => ({
  short: "",
  help,
  placeholder,
  initial,
  apply: (_, text) => parse(text),
});

export const mountFlag = (help: string) =>
  repeated<MountSpec>(help, "mount", (text) => parseMountSpec(text, (relative) => path.resolve(relative)));

export const network = (help: string) => repeated<NetworkAttachment>(help, "network", parseNetwork);

export const gpus = (help: string) => repeated<DeviceRequest>(help, "gpu-request", parseGpus);

/** Nanoseconds; undefined when not given. */
export const duration = (help: string) =>
  single<number | undefined>(help, "duration", undefined, parseDuration);

/** "0.5", "-1", "1e3", "1/4" */
function parseRational(text: string): number | undefined {
  const [, over, under] = /^([+-]?\d{1,30})\/(\d{1,30})$/.exec(text) ?? [];
  if (over !== undefined) return Number(under) === 0 ? undefined : Number(over) / Number(under);
  return /^[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})(e[+-]?\d{1,2})?$/i.test(text) ? Number(text) : undefined;
}

export const nanoCpus = (help: string) =>
  single(help, "decimal", 0, (text) => {
    const value = parseRational(text);
    if (value === undefined) throw new Error(`failed to parse ${text} as a rational number`);
    const nano = Math.round(value * 1e9);
    if (Math.abs(value * 1e9 - nano) > 1e-3) throw new Error("value is too precise");
    return nano;
  });

/** Of `--dns-search`; "." is none. */
export function checkDomain(text: string): string {
  const labels = text.trim().replace(/\.$/, "").split(".");
  const isLabel = (label: string) => /^[a-zA-Z0-9-]{1,255}$/.test(label) && !/^-|-$/.test(label);
  if (text.trim() === "." || (labels.every(isLabel) && /[a-zA-Z]/.test(text))) return text.trim();
  throw new Error(`${text} is not a valid domain`);
}

/** -1 is no limit. */
export const memorySwap = (help: string) =>
  single(help, "bytes", 0, (text) => (text === "-1" ? -1 : parseSize(text)));

export const ulimit = (help: string) => repeated<Ulimit>(help, "ulimit", parseUlimit);

export const throttle = (help: string, isBytes: boolean) =>
  repeated<ThrottleDevice>(help, "list", (text) => {
    const { device, value } = splitDevice(text);
    const wanted = isBytes
      ? "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
      : "<device-path>:<number>. Number must be a positive integer";
    const refusal = `invalid rate for device: ${text}. The correct format is ${wanted}`;
    if (!isBytes && !/^\d+$/.test(value)) throw new Error(refusal);
    try {
      return { Path: device, Rate: isBytes ? parseSize(value) : Number(value) };
    } catch {
      throw new Error(refusal);
    }
  });

export const weightDevice = (help: string) =>
  repeated<{ Path: string; Weight: number }>(help, "list", (text) => {
    const { device, value } = splitDevice(text);
    const weight = Number(value);
    if (!/^\d+$/.test(value) || (weight > 0 && (weight < 10 || weight > 1000))) {
      throw new Error(`invalid weight for device: ${text}`);
    }
    return { Path: device, Weight: weight };
  });

function splitDevice(text: string): { device: string; value: string } {
  const [device = "", value = "", ...rest] = text.split(":");
  if (value === "" || rest.length > 0) throw new Error(`bad format: ${text}`);
  if (!device.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return { device, value };
}

export function checkAttach(text: string): string {
  const stream = text.toLowerCase();
  if (!["stdin", "stdout", "stderr"].includes(stream))
    throw new Error("valid streams are STDIN, STDOUT and STDERR");
  return stream;
}

export function checkEnv(text: string): string {
  if (text.startsWith("=") || text === "") throw new Error(`invalid environment variable: ${text}`);
  return text;
}

export function checkLabel(text: string): string {
  if (text.startsWith("=") || text === "") throw new Error(`invalid label '${text}': empty name`);
  return text;
}

/** `host:ip` or `host=ip`, sent as `host:ip`; `host-gateway` stands for the host's own address. */
export function checkHost(text: string): string {
  const match = /^([^=:]+)[=:](.+)$/.exec(text);
  if (match === null) throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  const address = match[2]!.replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway" && isIP(address) === 0) {
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(match[2])}`);
  }
  return `${match[1]}:${address}`;
}

export function checkIp(text: string): string {
  if (isIP(text.trim()) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
  return text.trim();
}

export function checkDeviceRule(text: string): string {
  if (!/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(text))
    throw new Error(`invalid device cgroup format '${text}'`);
  return text;
}

const sysctls = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** Only what the kernel keeps per namespace. */
export const checkSysctl = (flag: Flag<Record<string, string>>): Flag<Record<string, string>> => ({
  ...flag,
  apply(previous, text) {
    const [name = ""] = text.split("=");
    const isKnown = sysctls.has(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.");
    if (!text.includes("=") || !isKnown) throw new Error(`sysctl '${text}' is not allowed`);
    return flag.apply(previous, text);
  },
});

/** `--link NAME[:ALIAS]`. @throws Error in Docker's words */
export function checkLink(text: string): string {
  if (text === "") throw new Error("empty string specified for links");
  if (text.split(":").length > 2) throw new Error(`bad format for links: ${text}`);
  return text;
}
