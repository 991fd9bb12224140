import { readFileSync } from "node:fs";

/** Whether this kernel has AppArmor, and it is on. */
export function hasAppArmor(): boolean {
  try {
    return readFileSync("/sys/module/apparmor/parameters/enabled", "latin1").startsWith("Y");
  } catch {
    return false;
  }
}
