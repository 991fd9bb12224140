import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

/** Runs a shell command on the machine. @returns what it prints. @throws Error when it fails */
export const sh = (command: string): string =>
  execFileSync("sh", ["-ec", command], { encoding: "utf8" }).trim();

/** Another host on a link of this machine: a network namespace with `lan0`. */
export interface Neighbour {
  /** This machine's end. */
  link: string;
  /** Runs a shell command there. */
  sh(command: string): string;
  remove(): void;
}

/** @param addresses with prefix lengths: this machine's, and the neighbour's */
export function addNeighbour(addresses: { own: string; neighbour: string }): Neighbour {
  const link = `vm${randomBytes(3).toString("hex")}`;
  const inside = `ip netns exec ${link}`;
  sh(`ip netns add ${link}
    ip link add ${link} type veth peer name lan0 netns ${link}
    ip addr add ${addresses.own} dev ${link}
    ip link set ${link} up
    ip -n ${link} addr add ${addresses.neighbour} dev lan0
    ip -n ${link} link set lan0 up
    ip -n ${link} link set lo up`);
  return {
    link,
    sh: (command) =>
      execFileSync("sh", ["-ec", `exec ${inside} sh -ec "$0"`, command], { encoding: "utf8" }).trim(),
    remove: () => void sh(`ip link del ${link}; ip netns del ${link}`),
  };
}
