import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type Client, createClient } from "../../src/client/client.ts";
import { eventually, supervisorOf, useEngine } from "../engine.ts";
import { rounds } from "../rounds.ts";

const kills = rounds({ few: 15, all: 30 });

describe("a daemon killed in the middle of an operation", () => {
  const { engine } = useEngine();
  let client: Client;
  before(async () => {
    client = await createClient({ host: engine.host });
  });

  const body = { Image: "busybox", Cmd: ["sleep", "1000"], Volumes: { "/data": {} } } as never;
  const create = (name: string) => client.containers.create(body, { name });
  const start = (name: string) => client.containers.start(name);
  const remove = (name: string) => client.containers.remove(name, { force: true, volumes: true });

  /** What is done before, what is cut off, and about how long that takes. */
  const operations = [
    { operation: "create", prepare: async () => {}, act: create, milliseconds: 10 },
    { operation: "start", prepare: create, act: start, milliseconds: 60 },
    {
      operation: "rm",
      prepare: (name: string) => create(name).then(() => start(name)),
      act: remove,
      milliseconds: 60,
    },
  ];
  const killsOfEach = kills / operations.length;

  for (const { operation, prepare, act, milliseconds } of operations) {
    it(`never leaves a container that cannot be removed (${operation})`, async () => {
      for (let kill = 0; kill < killsOfEach; kill++) {
        const name = `${operation}${kill}`;
        await prepare(name);
        const cutOff = act(name).catch(() => {});
        await setTimeout((kill * milliseconds) / killsOfEach);
        await engine.restart("SIGKILL");
        await cutOff;
        assert.deepEqual(await client.check(), [], `after kill ${kill}`);
        for (const { Id } of await client.containers.list({ all: true })) await remove(Id);
        // The name is free again.
        await create(name);
        await remove(name);
        assert.deepEqual((await client.volumes.list()).Volumes ?? [], [], "its anonymous volume is gone");
      }
    });
  }
});

describe("a stop or a forced removal in the middle of a start", () => {
  const { engine } = useEngine();
  const starts = rounds({ few: 10, all: 20 });

  it("waits for the container and leaves nothing of it", async () => {
    const { containers, check } = await createClient({ host: engine.host });
    const body = { Image: "busybox", Cmd: ["sleep", "1000"] } as never;
    for (let round = 0; round < starts; round++) {
      const name = `round${round}`;
      await containers.create(body, { name });
      const started = containers.start(name).catch(() => {});
      await setTimeout((round * 30) / starts);
      if (round % 2 === 0) await containers.remove(name, { force: true });
      else {
        await containers.stop(name, { timeoutSeconds: 0 });
        await started;
        await containers.remove(name, { force: true });
      }
      await started;
      assert.deepEqual(await check(), [], `round ${round}`);
    }
    assert.deepEqual(await containers.list({ all: true }), []);
  });
});

describe("a container with --rm", () => {
  const { engine } = useEngine(/the supervisor was lost/);

  it("is gone once that is told, and its name free, whatever is killed the moment after", async () => {
    const { containers, check } = await createClient({ host: engine.host });
    const create = (words: string[], AutoRemove: boolean) =>
      containers.create({ Image: "busybox", Cmd: words, HostConfig: { AutoRemove } } as never, {
        name: "same",
      });
    for (let kill = 0; kill < rounds({ few: 8, all: 12 }); kill++) {
      await create(["true"], true);
      const removed = await containers.wait("same", "removed");
      await containers.start("same");
      await removed.exit;
      const { Id } = await create(["sleep", "1000"], false);
      await setTimeout(kill / 2);
      if (kill % 2 === 1) process.kill(supervisorOf(engine), "SIGKILL");
      if (kill % 4 !== 1) await engine.restart("SIGKILL");
      const listed = await containers.list({ all: true });
      assert.deepEqual(
        listed.map((one) => `${one.Id} ${one.Names}`),
        [`${Id} /same`],
        `after kill ${kill}`,
      );
      // The daemon may be about to notice that its supervisor has gone.
      await eventually(
        () => check().catch(String),
        (findings) => findings.length === 0,
      );
      await containers.start("same");
      await containers.remove("same", { force: true });
    }
  });
});
