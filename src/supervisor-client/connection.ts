import type { Socket } from "node:net";
import { decodeError, internal } from "../errors.ts";
import { readLines } from "../supervisor-protocol/lines.ts";
import type { MethodName, MethodReply, Notice, Request } from "../supervisor-protocol/protocol.ts";

/** A control connection: requests one way, replies and notices the other. */
export interface ControlConnection {
  /** @param onResult called before the next line is read */
  request(
    method: MethodName,
    parameters: Request["parameters"],
    onResult: (result: unknown) => void,
  ): Promise<unknown>;
  close(): void;
}

/** @param control is past its welcome, and the connection's from now on */
export function openConnection(
  control: Socket,
  onNotice: (notice: Notice) => void,
  onLost: () => void,
): ControlConnection {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let count = 0;
  let closed = false;
  readLines(control, (line) => {
    const message: MethodReply | Notice = JSON.parse(line);
    if (!("id" in message)) {
      onNotice(message);
      return false;
    }
    const caller = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) caller?.reject(decodeError(message.error));
    else caller?.resolve(message.result);
    return false;
  });
  control.resume();
  control.on("error", () => control.destroy());
  control.once("end", () => control.destroy());
  control.once("close", () => {
    for (const { reject } of waiting.values()) reject(internal("the connection to the supervisor was lost"));
    waiting.clear();
    if (!closed) onLost();
  });
  return {
    request: (method, parameters, onResult) =>
      new Promise((resolve, reject) => {
        if (control.destroyed) return reject(internal("the supervisor is not running"));
        const message: Request = { id: count++, method, parameters };
        const settle = (result: unknown) => {
          onResult(result);
          resolve(result);
        };
        waiting.set(message.id, { resolve: settle, reject });
        control.write(`${JSON.stringify(message)}\n`);
      }),
    close() {
      closed = true;
      control.destroy();
    },
  };
}
