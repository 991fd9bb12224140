import assert from "node:assert/strict";
import { afterEach, before, describe, it } from "node:test";
import { type Client, createClient } from "../../src/client/client.ts";
import { eventually, supervisorOf, tellsExits, useEngine } from "../engine.ts";
import {
  type Crowd,
  converse,
  floodLines,
  readNumbers,
  removeCrowd,
  startCrowd,
  tell,
  told,
} from "./crowd.ts";

describe("twenty containers at work", () => {
  const { engine, berth } = useEngine(/the supervisor was lost/);
  let client: Client;
  before(async () => {
    client = await createClient({ host: engine.host });
  });
  afterEach(() => removeCrowd(client));

  const isGone = (name: string) =>
    client.containers.inspect(name).then(
      () => false,
      ({ status }) => status === 404,
    );

  async function stateOf(name: string) {
    return (await client.containers.inspect(name)).State;
  }

  /** @param mayBeUnknown the exit code, said to be so */
  async function checkEnds({ pids }: Crowd, mayBeUnknown: boolean): Promise<void> {
    const {
      ExitCode,
      Error: words,
      Pid,
    } = await eventually(
      () => stateOf("ender"),
      ({ Status }) => Status === "exited",
    );
    const isUnknown = ExitCode === 255 && /^exit code unknown/.test(words);
    assert.ok((ExitCode === 6 && words === "") || (mayBeUnknown && isUnknown), `${ExitCode} ${words}`);
    assert.equal(Pid, 0);
    await eventually(() => isGone("brief"), Boolean);
    const phoenix = await eventually(
      () => client.containers.inspect("phoenix"),
      ({ State }) => State.Status === "running" && State.Pid !== pids.phoenix,
    );
    assert.equal(phoenix.State.Error, "");
  }

  async function checkRunning({ pids, ports }: Crowd, but: string[]): Promise<void> {
    for (const [name, pid] of Object.entries(pids)) {
      if (told.includes(name) || but.includes(name)) continue;
      const { Status, Pid } = await stateOf(name);
      assert.deepEqual(
        { name, Status, Pid },
        { name, Status: name === "standing" ? "paused" : "running", Pid: pid },
      );
    }
    for (const [name, port] of Object.entries(ports)) {
      const answer = await fetch(`http://127.0.0.1:${port}/name`);
      assert.equal((await answer.text()).trim(), (await client.containers.inspect(name)).Id.slice(0, 12));
    }
    await berth("unpause", "standing");
    assert.equal(await berth("exec", "keeper", "echo", "in"), "in");
    assert.equal(await berth("exec", "alone", "echo", "in"), "in");
  }

  async function checkTerminals(): Promise<void> {
    for (const [n, name] of ["terminal0", "terminal1", "terminal2"].entries()) {
      await converse(client, name, `echo seen$((${n}+1))\n`, new RegExp(`seen${n + 1}`));
      await client.containers.resize(name, { rows: 11, columns: 70 + n });
      await converse(client, name, "stty size\n", new RegExp(`11 7${n}`));
    }
    await converse(client, "attached", "to and fro\n", /to and fro/);
  }

  /** @param mayLack a few lines in one place, but never a line twice or half a line */
  async function checkLogs(mayLack: boolean): Promise<void> {
    await eventually(
      () =>
        Promise.all(["fast0", "fast1"].map(async (name) => (await berth("logs", "-n", "1", name)).trim())),
      (lasts) => lasts.every((last) => Number(last) === floodLines),
    );
    for (const name of ["steady0", "steady1", "steady2", "standing", "fast0", "fast1"]) {
      const grown = (await readNumbers(client, name)).length;
      if (!name.startsWith("fast"))
        await eventually(
          () => readNumbers(client, name),
          (lines) => lines.length > grown + 2,
        );
      const lines = await readNumbers(client, name);
      const isNext = (line: number, before: number) => (mayLack ? line > before : line === before + 1);
      const wrong = lines.findIndex((line, n) => !isNext(line, lines[n - 1] ?? 0));
      assert.equal(wrong, -1, `${name} says ${lines.slice(wrong - 2, wrong + 3)} at ${wrong}`);
      if (!mayLack) continue;
      const gaps = lines.filter((line, n) => line !== (lines[n - 1] ?? 0) + 1);
      assert.ok(gaps.length <= 1, `${name} lacks lines before ${gaps}`);
    }
  }

  it("go on without their daemon, which finds them as they are when it comes back", async () => {
    const crowd = await startCrowd(client);
    process.kill(engine.pid(), "SIGKILL");
    for (const name of told) await tell(crowd.pids[name]!);
    await engine.restart("SIGKILL");
    assert.equal(crowd.isConnected(), false);
    await checkEnds(crowd, false);
    await checkRunning(crowd, []);
    await checkTerminals();
    await checkLogs(false);
    assert.deepEqual(await client.check(), []);
  });

  it("go on without their supervisor, and the next one finds them", async () => {
    const crowd = await startCrowd(client);
    process.kill(supervisorOf(engine), "SIGKILL");
    for (const name of told) await tell(crowd.pids[name]!);
    await checkEnds(crowd, !tellsExits);
    await eventually(crowd.isConnected, (isConnected) => !isConnected);
    await checkRunning(crowd, []);
    await checkTerminals();
    await checkLogs(true);
    assert.deepEqual(await client.check(), []);
  });

  it("go on without both, but for those whose terminal or input ends; what nobody can know is said", async () => {
    const crowd = await startCrowd(client);
    process.kill(engine.pid(), "SIGKILL");
    process.kill(supervisorOf(engine), "SIGKILL");
    for (const name of told) await tell(crowd.pids[name]!);
    await engine.restart("SIGKILL");
    await checkEnds(crowd, true);
    const hungUp = ["terminal0", "terminal1", "terminal2", "attached"];
    for (const name of hungUp) {
      const { ExitCode, Error: words } = await eventually(
        () => stateOf(name),
        ({ Status }) => Status === "exited",
      );
      // A shell dies of SIGHUP, or reads the end of its terminal first and ends by itself.
      const expected = name === "attached" ? [0] : [129, 0, 1];
      if (!expected.includes(ExitCode))
        assert.match(`${name} ${ExitCode} ${words}`, / 255 exit code unknown/);
    }
    await checkRunning(crowd, hungUp);
    await checkLogs(true);
    assert.deepEqual(await client.check(), []);
  });
});
