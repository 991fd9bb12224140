import type { Server } from "node:net";

/**
 * Listens on a unix socket that has its mode from the first moment: one made with the usual mode and changed afterwards could
 * be opened in between.
 * @param mode for example 0o660
 */
export function listenPrivately(server: Server, path: string, mode: number, onListening: () => void): void {
  const before = process.umask(0o777 & ~mode);
  try {
    // Node binds within this call.
    server.listen(path, onListening);
  } finally {
    process.umask(before);
  }
}
