import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { hasCode } from "../errors.ts";

export const socketPath = (execRoot: string) => join(execRoot, "supervisor.sock");

/** Where a supervisor that no unit started writes its errors, and those of the resolver and the relay. */
export const supervisorLog = (execRoot: string) => join(execRoot, "supervisor.log");

/** A folder for each process, with its FIFOs: their paths must be short. */
export const processesFolder = (execRoot: string) => join(execRoot, "p");

/** @returns undefined when no process listens there */
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
