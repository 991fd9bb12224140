import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import { untilGone } from "../../src/cli/system/stop.ts";
import { ApiError } from "../../src/client/api-error.ts";
import type { Client } from "../../src/client/client.ts";

/** Whose engine answers one ping after the other so, and then no more. */
function clientOf(host: string, answers: (() => Promise<unknown>)[]): Client {
  const ping = () => answers.shift()?.() ?? Promise.reject(new Error("asked in vain"));
  return { host, ping } as unknown as Client;
}

const there = async () => ({});
const silent = () => new Promise(() => {});

it("an engine of this machine has gone with its process, also when the next one answers in its place", async () => {
  const engine = spawn("cat", { stdio: ["pipe", "ignore", "ignore"] });
  await once(engine, "spawn");
  const ended = once(engine, "exit");
  const end = async () => {
    engine.stdin.end();
    await ended;
    return {};
  };
  await untilGone(clientOf("unix:///run/berth/berth.sock", [there, end]), { Pid: engine.pid ?? 0 });
});

it("the processes of this machine say nothing of an engine on another one", async () => {
  const engine = { Pid: process.pid };
  await untilGone(clientOf("tcp://192.0.2.1:2376", [there, silent]), engine);
  const ending = async () => {
    throw new ApiError(503, "the engine is stopping");
  };
  await untilGone(clientOf("ssh://other", [there, ending, ending, there]), engine);
});
