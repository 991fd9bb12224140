import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { ApiError } from "../../src/client/api-error.ts";
import type { Client } from "../../src/client/client.ts";
import { createFrameDecoder } from "../../src/formats/stdcopy.ts";
import { askName } from "../ask-name.ts";
import { eventually } from "../engine.ts";
import type { ContainerFact, Facts } from "./facts.ts";

/** Everything that was acknowledged is still true. What is in doubt is left out. */
export async function verifyFacts(client: Client, facts: Facts): Promise<void> {
  const isSure = (kind: string) => (entry: [string, unknown]) => !facts.doubts.has(`${kind} ${entry[0]}`);
  const checks = [
    ...[...facts.containers]
      .filter(isSure("container"))
      .map(([name, fact]) => verifyContainer(client, facts, name, fact)),
    ...[...facts.images].filter(isSure("image")).map(async ([tag, id]) => {
      assert.equal((await client.images.inspect(tag)).Id, id, `image ${tag}`);
    }),
    ...[...facts.volumes].filter(isSure("volume")).map(async ([name, files]) => {
      const { Mountpoint } = await client.volumes.inspect(name);
      for (const [file, content] of files) {
        assert.equal(
          await readFile(join(Mountpoint, file), "utf8"),
          `${content}\n`,
          `${file} in volume ${name}`,
        );
      }
    }),
    ...[...facts.networks].filter(isSure("network")).map(async ([name, id]) => {
      assert.equal((await client.networks.inspect(name)).Id, id, `network ${name}`);
    }),
  ];
  await Promise.all(checks);
}

async function verifyContainer(
  client: Client,
  facts: Facts,
  name: string,
  fact: ContainerFact,
): Promise<void> {
  if (fact.status === "ending") {
    await eventually(
      async () => (await client.containers.inspect(name)).State,
      ({ Status }) => Status === "exited",
    );
    Object.assign(fact, { status: "exited", pid: 0 });
  }
  const { Id, State } = await client.containers.inspect(name);
  const isUnknown = facts.lostSupervisor && State.ExitCode === 255 && /unknown/.test(State.Error);
  if (fact.status === "exited" && isUnknown) fact.exitCode = State.ExitCode;
  const { id, status, pid, exitCode } = fact;
  assert.deepEqual(
    { id: Id, status: State.Status, pid: State.Pid, exitCode: State.ExitCode },
    { id, status, pid, exitCode: status === "exited" ? exitCode : 0 },
    `container ${name}: ${JSON.stringify(State)} instead of ${JSON.stringify(fact)}`,
  );
  if (fact.network && pid > 0) await verifyNames(client, name, fact.network, pid);
  if (fact.output === "none" || fact.output === "echo") return;
  const lines = (await readLog(client, name)).split("\n").filter(Boolean).map(Number);
  const isNext = (line: number, before: number) => (fact.mayHaveGaps ? line > before : line === before + 1);
  const wrong = lines.findIndex((line, index) => !isNext(line, lines[index - 1] ?? 0));
  assert.equal(wrong, -1, `the log of ${name} says ${lines[wrong]} after ${lines[wrong - 1]}`);
  if (fact.output === "lines" && fact.mayHaveGaps)
    assert.ok((lines.at(-1) ?? 0) <= fact.lines, `the log of ${name} says ${lines.at(-1)} of ${fact.lines}`);
  else if (fact.output === "lines") assert.equal(lines.length, fact.lines, `lines in the log of ${name}`);
  else {
    assert.ok(
      lines.length >= fact.lines,
      `lines of the log of ${name} are lost: ${lines.length} of ${fact.lines}`,
    );
    fact.lines = lines.length;
  }
}

/** A container is called by name in its network, also right after whoever answers was killed. */
async function verifyNames(client: Client, name: string, network: string, pid: number): Promise<void> {
  const { NetworkSettings } = await client.containers.inspect(name);
  const address = NetworkSettings.Networks[network]?.IPAddress;
  await eventually(
    () => askName(pid, name),
    (found) => found?.join() === address,
  );
}

async function readLog(client: Client, name: string): Promise<string> {
  let text = "";
  const frames = createFrameDecoder((_, chunk) => {
    text += chunk.toString();
  });
  frames.push(await buffer(await client.containers.logs(name, { stdout: true, stderr: true })));
  return text;
}

/** Removes what is in doubt, which must be possible whatever has become of it, and all that uses it. */
export async function resolveDoubts(client: Client, facts: Facts): Promise<void> {
  for (const doubt of facts.doubts) {
    const [kind = "", name = ""] = doubt.split(" ");
    for (const [container, fact] of facts.containers) {
      if ([fact.image, fact.volume, fact.network].includes(name)) facts.doubts.add(`container ${container}`);
    }
    if (kind === "container") await forgetContainer(client, facts, name);
  }
  for (const doubt of facts.doubts) {
    const [kind = "", name = ""] = doubt.split(" ");
    if (kind === "image") {
      await unlessMissing(client.images.remove(name, { force: true }));
      facts.images.delete(name);
    } else if (kind === "volume") {
      await client.volumes.remove(name, { force: true });
      facts.volumes.delete(name);
    } else if (kind === "network") {
      await unlessMissing(client.networks.remove(name));
      facts.networks.delete(name);
    }
  }
  facts.doubts.clear();
  facts.lostSupervisor = false;
}

async function forgetContainer(client: Client, facts: Facts, name: string): Promise<void> {
  await unlessMissing(client.containers.remove(name, { force: true, volumes: true }));
  facts.containers.delete(name);
}

async function unlessMissing(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  });
}
