import { rmSync } from "node:fs";
import { constants } from "node:os";

/**
 * A file or folder that a signal that ends this process does not leave behind.
 * @returns what lets it stay
 */
export function removeOnSignal(file: string): () => void {
  const end = (signal: NodeJS.Signals) => {
    rmSync(file, { recursive: true, force: true });
    process.exit(128 + constants.signals[signal]);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}
