import type { ChildProcessByStdio } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { startProgram } from "./start-program.ts";

const policy = "/sys/kernel/security/apparmor";
const parser = "/sbin/apparmor_parser";

let isOn: boolean | undefined;

/** Whether this kernel has AppArmor, it is on, and its policy is ours to see: in another engine's container it is not. */
export function hasAppArmor(): boolean {
  isOn ??= findAppArmor();
  return isOn;
}

function findAppArmor(): boolean {
  try {
    const enabled = readFileSync("/sys/module/apparmor/parameters/enabled", "latin1").startsWith("Y");
    return enabled && existsSync(policy);
  } catch {
    return false;
  }
}

/** Whether profiles can be put into the kernel here. */
export function canLoadProfiles(): boolean {
  return hasAppArmor() && existsSync(parser);
}

/** Whether the kernel knows the profile. */
export function isProfileLoaded(name: string): boolean {
  return readFileSync(`${policy}/profiles`, "utf8")
    .split("\n")
    .some((line) => line.startsWith(`${name} (`));
}

/** Puts profiles into the kernel, in the place of those of the same names. @throws Error with the parser's complaint */
export async function loadProfiles(text: string): Promise<void> {
  const words = ["--replace", "--skip-cache"];
  const child = await startProgram<ChildProcessByStdio<Writable, null, Readable>>(parser, words, {
    stdio: ["pipe", "ignore", "pipe"],
  });
  return new Promise((resolve, reject) => {
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`apparmor_parser ended with ${code}: ${complaint.trim()}`));
    });
    // When it ends before it has read all, its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.end(text);
  });
}
