import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { getSystemErrorMessage } from "node:util";
import { internal } from "../errors.ts";
import { SyscallError } from "../sys/libc.ts";
import { MS, mount } from "../sys/mount.ts";
import type { LocalMount } from "./local-options.ts";
import { parseMountFlags } from "./mount-flags.ts";

const readOnly = 0x1;
const remount = 0x20;

/** Mounts it at `directory`; a server that does not answer takes its time, so that this is for a thread. @throws internal in Docker's words */
export function mountLocal({ device, type, options }: LocalMount, directory: string): void {
  const { flags, propagation, data } = parseMountFlags(options);
  if (device === "") throw internal("missing device in volume options");
  try {
    mount(device, directory, type, flags, data || null);
    if (propagation !== 0) mount("none", directory, "", propagation, null);
    // With the first call a bind takes over its source's flags.
    if (flags & MS.BIND && flags & readOnly) mount(device, directory, "", flags | remount, null);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const words = [
      `mount ${device}:${directory}`,
      ...(flags ? [`flags: 0x${flags.toString(16)}`] : []),
      ...(data ? [`data: ${withoutPassword(data)}`] : []),
    ];
    throw internal(`failed to mount local volume: ${words.join(", ")}: ${reasonOf(error, type)}`, error);
  }
}

function reasonOf({ errno, code }: SyscallError, type: string): string {
  const reason = getSystemErrorMessage(-errno) ?? code;
  if (code !== "ENODEV" || isKnown(type)) return reason;
  return `${reason}: this kernel has no file system "${type}"`;
}

function isKnown(type: string): boolean {
  const lines = readFileSync("/proc/filesystems", "utf8").split("\n");
  return lines.some((line) => line.split("\t")[1] === type);
}

function withoutPassword(data: string): string {
  return data.replace(/(^|,)(password\d?)=[^,]*/g, "$1$2=********");
}

/** With the server's address in the place of its name: the kernel looks up none. @throws internal in Docker's words */
export async function resolveServer(local: LocalMount): Promise<LocalMount> {
  if (!["nfs", "nfs4", "cifs", "smb3"].includes(local.type)) return local;
  const options = local.options.split(",");
  const at = options.findIndex((option) => option.startsWith("addr="));
  const name = at === -1 ? "" : (options[at] as string).slice("addr=".length);
  if (name !== "") {
    if (isIP(name) !== 0) return local;
    options[at] = `addr=${await addressOf(name)}`;
    return { ...local, options: options.join(",") };
  }
  const host = /^\/\/([^/:]+)/.exec(local.device)?.[1];
  if (!host || isIP(host) !== 0 || local.type.startsWith("nfs")) return local;
  return { ...local, options: [...options.filter(Boolean), `addr=${await addressOf(host)}`].join(",") };
}

async function addressOf(name: string): Promise<string> {
  try {
    return (await lookup(name, { verbatim: false })).address;
  } catch (error) {
    throw internal(`error resolving passed in network volume address: lookup ${name}: no such host`, error);
  }
}
