import { once } from "node:events";
import { request } from "node:http";
import { callApi } from "./call-api.ts";
import type { BenchEngine } from "./engine.ts";

/** What `docker run --rm busybox true` asks for, without the client: create, attach, wait, start, until it has been removed. */
export async function runByApi(engine: BenchEngine): Promise<void> {
  const made = await callApi(engine, "POST", "/containers/create", {
    ...{ Image: "busybox", Cmd: ["true"], AttachStdout: true, AttachStderr: true },
    HostConfig: { AutoRemove: true },
  });
  const path = `/containers/${(made as { Id: string }).Id}`;
  const output = await attach(engine, path);
  const removed = callApi(engine, "POST", `${path}/wait?condition=removed`);
  await callApi(engine, "POST", `${path}/start`);
  const [ended] = await Promise.all([removed, output.over]);
  const { StatusCode } = ended as { StatusCode: number };
  if (StatusCode !== 0) throw new Error(`a container of the bench ended with ${StatusCode}`);
}

/** @returns what is settled with the end of the output, once the client is attached */
async function attach(engine: BenchEngine, path: string): Promise<{ over: Promise<unknown> }> {
  const sent = request({
    socketPath: engine.host.slice("unix://".length),
    method: "POST",
    path: `${path}/attach?stream=1&stdout=1&stderr=1`,
    headers: { Connection: "Upgrade", Upgrade: "tcp" },
  }).end();
  const [, socket] = await once(sent, "upgrade");
  return { over: once(socket.resume(), "close") };
}
