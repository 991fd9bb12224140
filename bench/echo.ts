import { once } from "node:events";
import { request } from "node:http";
import type { Socket } from "node:net";
import { type BenchEngine, docker } from "./engine.ts";
import { alternate } from "./measure.ts";
import type { Row } from "./results.ts";

/** A container that gives back what it gets, with a client attached to it. */
interface Echo {
  /** Sends a line and waits for it to come back. */
  call(): Promise<void>;
  close(): Promise<void>;
}

async function startEcho(engine: BenchEngine): Promise<Echo> {
  const [name, prefix] = ["echo", "unix://"];
  await docker(engine, ["run", "-d", "-i", "--name", name, "busybox", "cat"]);
  const outgoing = request({
    socketPath: engine.host.slice(prefix.length),
    method: "POST",
    path: `/containers/${name}/attach?stream=1&stdin=1&stdout=1`,
    headers: { Connection: "Upgrade", Upgrade: "tcp" },
  });
  outgoing.end();
  const [, socket] = (await once(outgoing, "upgrade")) as [unknown, Socket];
  return {
    async call() {
      socket.write("hello\n");
      await once(socket, "data");
    },
    async close() {
      socket.destroy();
      await docker(engine, ["rm", "-f", name]);
    },
  };
}

/** The way of a line through an attached client, the container and back. */
export async function timeEcho(engines: BenchEngine[], name: string): Promise<Row> {
  const echoes = new Map<string, Echo>();
  for (const engine of engines) echoes.set(engine.name, await startEcho(engine));
  try {
    return await alternate(engines, {
      name,
      samples: 40,
      work: async (engine) => echoes.get(engine.name)?.call(),
    });
  } finally {
    for (const echo of echoes.values()) await echo.close();
  }
}
