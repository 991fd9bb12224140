import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

/**
 * As Node's `spawn`, resolved once the program has been started. Without that a lack of descriptors comes as a child that has no streams,
 * and as an event that ends this process where nothing listens yet.
 * @param options with pipes wherever `S` says that there are streams
 * @throws a Node system error: ENOENT where there is no such program, EMFILE, EAGAIN
 */
export function startProgram<S extends ChildProcess = ChildProcess>(
  program: string,
  words: readonly string[],
  options: SpawnOptions,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, options);
    // Also of one that runs, such as a signal that cannot be sent: its end tells what became of it.
    child.on("error", reject);
    if (child.pid !== undefined) resolve(child as S);
  });
}
