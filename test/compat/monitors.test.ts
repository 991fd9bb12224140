import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";

interface EngineEvent {
  Action: string;
  status: string;
  id: string;
  Actor: { ID: string; Attributes: Record<string, string> };
}

interface Sample {
  read: string;
  name: string;
  cpu_stats: { cpu_usage: { total_usage: number }; system_cpu_usage: number; online_cpus: number };
  precpu_stats: { cpu_usage: { total_usage: number } };
  memory_stats: { usage: number; limit: number };
  networks: Record<string, { rx_bytes: number }>;
}

/** What a page that watches an engine keeps open, over the API by hand as such clients are written: in the order that things come. */
class Watched {
  text = "";
  isOver = false;
  readonly response: IncomingMessage;

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding("latin1");
    response.on("data", (chunk: string) => {
      this.text += chunk;
    });
    response.on("close", () => {
      this.isOver = true;
    });
  }

  lines<T>(): T[] {
    return this.text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** Of a log or an exec: [1, "out\n"] */
  frames(): [stream: number, text: string][] {
    const found: [number, string][] = [];
    const bytes = Buffer.from(this.text, "latin1");
    for (let at = 0; at + 8 <= bytes.length; ) {
      const end = at + 8 + bytes.readUInt32BE(at + 4);
      found.push([bytes[at] ?? 0, bytes.toString("utf8", at + 8, end)]);
      at = end;
    }
    return found;
  }
}

const filtersOf = (filters: object) => `filters=${encodeURIComponent(JSON.stringify(filters))}`;

describe("a client that watches all containers", () => {
  const { engine, berth } = useEngine();
  // The oldest that is served, one of some years ago, and the newest that the stock command lines ask for.
  for (const version of ["1.24", "1.41", "1.51"]) {
    const watch = (path: string) =>
      new Promise<Watched>((resolve, reject) => {
        const [, socketPath] = engine.host.split("unix://");
        const options = { socketPath, path: `/v${version}${path}`, agent: false };
        request(options, (response) => resolve(new Watched(response)))
          .on("error", reject)
          .end();
      });
    const call = async (method: "GET" | "POST", path: string, body?: object) => {
      const answer = await engine.api(method, `/v${version}${path}`, body);
      assert.ok(answer.status < 300, `${path}: ${answer.body}`);
      return answer.body === "" ? undefined : JSON.parse(answer.body);
    };
    const talker = "trap 'echo bye; exit 3' TERM; echo up; echo aside >&2; while :; do sleep 0.1; done";

    it(`with API ${version} sees each restart and each exec from its beginning to its end, and only what it has asked for`, async () => {
      const event = ["start", "die", "restart", "exec_start", "exec_die"];
      const events = await watch(`/events?${filtersOf({ type: ["container"], label: ["seen=yes"], event })}`);
      const comesBack: Promise<boolean>[] = [];
      events.response.on("data", (chunk: string) => {
        if (!/"Action":"die"/.test(chunk)) return;
        const state = call("GET", "/containers/watched/json").then((container) => container.State);
        comesBack.push(state.then(({ Running, Restarting }) => Running || Restarting));
      });
      await berth("run", "-d", "--name", "unseen", "--init", "busybox", "sleep", "1000");
      await berth("run", "-d", "--name", "watched", "-l", "seen=yes", "busybox", "sh", "-c", talker);
      for (let n = 0; n < 10; n++) {
        const { Id } = await call("POST", "/containers/watched/exec", { Cmd: ["true"] });
        await call("POST", `/exec/${Id}/start`, { Detach: true });
      }
      const actions = () => events.lines<EngineEvent>().map(({ Action }) => Action.split(":")[0]);
      await eventually(actions, (seen) => seen.filter((action) => action === "exec_die").length === 10);
      await call("POST", "/containers/watched/restart?t=30");
      await eventually(actions, (seen) => seen.at(-1) === "restart");
      assert.deepEqual(await Promise.all(comesBack), [true]);
      const seen = events.lines<EngineEvent>();
      for (const { Actor } of seen) assert.equal(Actor.Attributes.name, "watched");
      for (const { Actor } of seen.filter(({ Action }) => Action === "exec_die")) {
        const own = seen.filter((one) => one.Actor.Attributes.execID === Actor.Attributes.execID);
        assert.deepEqual(
          own.map(({ Action }) => Action.split(":")[0]),
          ["exec_start", "exec_die"],
        );
      }
      assert.deepEqual(
        actions().filter((action) => !action?.startsWith("exec")),
        ["start", "die", "start", "restart"],
      );
      assert.ok(seen.every(({ id, Actor, status, Action }) => id === Actor.ID && status === Action));
      events.response.destroy();
    });
    it(`with API ${version} has the numbers of all that run, as they come`, async () => {
      const all: { Id: string; Names: string[] }[] = await call("GET", "/containers/json");
      assert.equal(all.length, 2);
      for (const { Id, Names } of all) {
        const stats = await watch(`/containers/${Id}/stats`);
        const [, second] = await eventually(
          () => stats.lines<Sample>(),
          (samples) => samples.length >= 2,
        );
        stats.response.destroy();
        assert.ok(second);
        assert.equal(second.name, Names[0]);
        assert.ok(second.cpu_stats.cpu_usage.total_usage >= second.precpu_stats.cpu_usage.total_usage);
        assert.ok(second.precpu_stats.cpu_usage.total_usage > 0 && second.cpu_stats.system_cpu_usage > 0);
        assert.ok(second.memory_stats.usage > 0 && second.memory_stats.usage < second.memory_stats.limit);
        assert.deepEqual(Object.keys(second.networks), ["eth0"]);
      }
    });
    it(`with API ${version} reads the log from the start of a run on, the last lines alone, and what is still to come`, async () => {
      const { State, Id } = await call("GET", "/containers/watched/json");
      const since = `${Math.floor(Date.parse(State.StartedAt) / 1000)}.${/\.(\d+)Z/.exec(State.StartedAt)?.[1]?.padEnd(9, "0") ?? "0"}`;
      const sorted = (log: Watched) =>
        log
          .frames()
          .map(([stream, text]) => `${stream} ${text}`)
          .sort();
      const run = await watch(`/containers/${Id}/logs?stdout=1&stderr=1&since=${since}`);
      await eventually(() => run.isOver, Boolean);
      assert.deepEqual(sorted(run), ["1 up\n", "2 aside\n"], "the run before is not in it");
      const type = version === "1.51" ? "multiplexed" : "raw";
      assert.equal(run.response.headers["content-type"], `application/vnd.docker.${type}-stream`);
      const follow = `/containers/${Id}/logs?stdout=1&stderr=1&follow=1&timestamps=1`;
      const [tail, nothing] = [
        await watch(`${follow}&tail=2&since=${since}`),
        await watch(`${follow}&tail=0`),
      ];
      await eventually(
        () => tail.frames(),
        (frames) => frames.length === 2,
      );
      assert.deepEqual(nothing.frames(), []);
      await call("POST", "/containers/watched/stop?t=30");
      await eventually(() => tail.isOver && nothing.isOver, Boolean);
      assert.match(tail.frames().at(-1)?.[1] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z bye\n$/);
      assert.deepEqual(
        nothing.frames().map(([, text]) => text.split(" ")[1]),
        ["bye\n"],
      );
    });
    it(`with API ${version} may leave its streams and remove what it watches, in any order`, async () => {
      for (let n = 0; n < 10; n++) {
        await call("POST", "/containers/create?name=brief", { Image: "busybox", Cmd: ["echo", "said"] });
        const started = call("POST", "/containers/brief/start");
        const streams = await Promise.all([
          watch("/containers/brief/logs?stdout=1&follow=1"),
          watch("/containers/brief/stats"),
          watch("/events"),
        ]);
        await started;
        const removed = engine.api("DELETE", `/v${version}/containers/brief?force=1`);
        if (n % 2 === 0) for (const { response } of streams) response.destroy();
        assert.equal((await removed).status, 204);
        await eventually(() => n % 2 === 0 || streams[0]?.isOver, Boolean);
        for (const { response } of streams) response.destroy();
      }
      assert.equal(await berth("ps", "-aq", "--filter", "name=brief"), "");
      await berth("rm", "-f", "watched", "unseen");
    });
  }
});
