import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { hasCode } from "../errors.ts";

export const socketPath = (execRoot: string) => join(execRoot, "supervisor.sock");

/** @returns undefined when nobody listens there */
export async function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error) => {
      const isAbsent = ["ENOENT", "ECONNREFUSED", "ECONNRESET"].some((code) => hasCode(error, code));
      if (isAbsent) resolve(undefined);
      else reject(error);
    });
  });
}
