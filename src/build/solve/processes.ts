import type { Exit } from "../../supervisor-protocol/protocol.ts";

/** The commands that steps run, by the id that supervisor and runtime know them by. */
export interface StepProcesses {
  /** Begins to listen for a process's end: before it is started. */
  expect(id: string, hasSandbox: boolean): Promise<Exit>;
  /** Those that run, or are about to. */
  ids(): string[];
  /** Those of them that have a network of their own. */
  sandboxOwners(): string[];
  /** It did not start, or its end has been seen to. */
  forget(id: string): void;
  /** Their ends will not be reported any more. */
  lose(): void;
  /** @returns whether the process is a step's */
  onExit(exit: Exit): boolean;
}

export function createStepProcesses(): StepProcesses {
  const expected = new Map<string, PromiseWithResolvers<Exit> & { hasSandbox: boolean }>();
  return {
    ids: () => [...expected.keys()],
    sandboxOwners: () => [...expected].filter(([, { hasSandbox }]) => hasSandbox).map(([id]) => id),
    expect(id, hasSandbox) {
      const exit = { ...Promise.withResolvers<Exit>(), hasSandbox };
      expected.set(id, exit);
      return exit.promise;
    },
    forget: (id) => void expected.delete(id),
    lose() {
      for (const [process, exit] of expected) exit.resolve({ process, exitCode: undefined, at: Date.now() });
    },
    onExit(exit) {
      const waiting = expected.get(exit.process);
      waiting?.resolve(exit);
      return waiting !== undefined;
    },
  };
}
