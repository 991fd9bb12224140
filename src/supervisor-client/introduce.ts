import type { Socket } from "node:net";
import { internal } from "../errors.ts";
import { readFirstLine } from "../supervisor-protocol/lines.ts";
import {
  type Hello,
  oldestProtocol,
  protocolVersion,
  type Welcome,
} from "../supervisor-protocol/protocol.ts";

/**
 * Says what a connection is for.
 * @returns undefined when the supervisor was just ending. @throws EngineError internal when it is of too different a version
 */
export async function introduce(socket: Socket, hello: Hello): Promise<Welcome | undefined> {
  socket.write(`${JSON.stringify(hello)}\n`);
  const line = await readFirstLine(socket);
  const welcome: Welcome | undefined = line === undefined ? undefined : JSON.parse(line);
  if (welcome?.ok) return welcome;
  socket.destroy();
  if (!welcome) return undefined;
  throw internal(
    `running supervisor uses protocol ${welcome.protocol} but this engine supports ${oldestProtocol}-${protocolVersion}: ` +
      "stop all containers with the previous version first",
  );
}
