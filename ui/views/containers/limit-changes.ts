import type { ContainerInspect } from "../../../src/formats/docker-api/docker-api.ts";
import { parseBytes } from "../../formats/bytes.ts";
import type { RunForm } from "../run/form.ts";

type Limits = Pick<RunForm, "memory" | "cpus" | "restart">;
type HostConfig = Pick<ContainerInspect["HostConfig"], "Memory" | "MemorySwap" | "RestartPolicy">;

/** The body of an update, of what has been changed in the form alone. */
export function limitChanges(base: Limits, wanted: Limits, current: HostConfig): object {
  const memory = parseBytes(wanted.memory) ?? 0;
  return {
    ...(wanted.memory !== base.memory && { Memory: memory, ...swapBeside(memory, current) }),
    ...(wanted.cpus !== base.cpus && { NanoCpus: Math.round(Number(wanted.cpus) * 1e9) }),
    ...(wanted.restart !== base.restart && { RestartPolicy: { Name: wanted.restart, MaximumRetryCount: 0 } }),
  };
}

/** Memory and swap together: twice the memory unless something else was chosen, and never less than the memory. */
function swapBeside(memory: number, { Memory, MemorySwap }: HostConfig): { MemorySwap?: number } {
  const isUsual = MemorySwap === Memory * 2;
  return isUsual || (MemorySwap > 0 && memory > MemorySwap) ? { MemorySwap: memory * 2 } : {};
}
