import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

describe("health checks", () => {
  const { engine, berth } = useEngine(/the supervisor was lost/);
  const docker = engine && ((...words: string[]) => engine.cli(stockDockers.at(-1)!)(words));
  const ok = async (...words: string[]) => {
    const { stdout, stderr, code } = await docker(...words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  const health = async (name: string) =>
    JSON.parse(await berth("inspect", "-f", "{{json .State.Health}}", name));
  const becomes = (name: string, wanted: string) =>
    eventually(
      () => health(name),
      ({ Status }) => Status === wanted,
    );
  const fast = ["--health-interval", "200ms", "--health-retries", "2"];
  const run = (name: string, command: string, ...flags: string[]) =>
    ok("run", "-d", "--name", name, "--health-cmd", command, ...fast, ...flags, "busybox", "sleep", "1000");

  before(async () => {
    await run("web", "echo looking; test -e /ready");
  });

  it("say how a container is, in inspect, ps, filters and events", async () => {
    const since = Math.floor(Date.now() / 1000);
    const ill = await becomes("web", "unhealthy");
    assert.ok(ill.FailingStreak >= 2);
    assert.deepEqual([ill.Log.at(-1).ExitCode, ill.Log.at(-1).Output], [1, "looking\n"]);
    assert.ok(ill.Log.length <= 5);
    assert.match(await ok("ps", "--format", "{{.Status}}"), /\(unhealthy\)$/);
    assert.equal(await ok("ps", "-q", "--filter", "health=healthy"), "");
    await ok("exec", "web", "touch", "/ready");
    const well = await becomes("web", "healthy");
    assert.equal(well.FailingStreak, 0);
    assert.match(
      await ok("ps", "--filter", "health=healthy", "--format", "{{.Names}} {{.Status}}"),
      /^web Up .* \(healthy\)$/,
    );
    const events = await ok(
      "events",
      "--since",
      String(since - 60),
      "--until",
      String(Math.floor(Date.now() / 1000) + 1),
      "--filter",
      "event=health_status",
      "--format",
      "{{.Action}}",
    );
    assert.match(events, /health_status: unhealthy\nhealth_status: healthy$/);
  });
  it("that hang are killed when their time is over, with what they have said", async () => {
    await run("slow", "echo waiting; exec sleep 1000", "--health-timeout", "300ms");
    const { Log } = await becomes("slow", "unhealthy");
    assert.deepEqual(
      [Log.at(-1).ExitCode, Log.at(-1).Output],
      [-1, "Health check exceeded timeout (300ms): waiting\n"],
    );
    const sleepers = async () =>
      (await berth("top", "slow", "-eo", "pid,args")).match(/sleep 1000/g)?.length ?? 0;
    await berth("pause", "slow");
    assert.ok((await sleepers()) <= 2);
    await berth("unpause", "slow");
  });
  it("can be looked at while they run", async () => {
    await run("long", "exec sleep 1234", "--health-timeout", "1000s");
    const [id] = (await eventually(
      async () => JSON.parse(await ok("inspect", "-f", "{{json .ExecIDs}}", "long")) as string[] | null,
      (ids) => ids?.length === 1,
    )) as string[];
    const { Pid } = await eventually(
      async () => JSON.parse((await engine.api("GET", `/exec/${id}/json`)).body) as { Pid: number },
      (exec) => exec.Pid > 0,
    );
    assert.match(await berth("top", "long", "-eo", "pid,args"), new RegExp(`${Pid} .*1234`));
    await berth("rm", "-f", "long");
  });
  it("that cannot be run, or print without end, are failures and nothing worse", async () => {
    await ok("run", "-d", "--name", "none", "--health-cmd", "x", ...fast, "busybox", "sleep", "1000");
    await becomes("none", "unhealthy");
    const { status, body } = await engine.api("POST", "/containers/create?name=odd", {
      ...{ Image: "busybox", Cmd: ["sleep", "1000"] },
      Healthcheck: { Test: ["CMD", "/nosuch"], Interval: 2e8, Retries: 1 },
    });
    assert.equal(status, 201, body);
    await berth("start", "odd");
    const { Log } = await becomes("odd", "unhealthy");
    assert.match(Log.at(-1).Output, /no such file or directory/);
    await run("loud", "yes | head -c 1000000; exit 1");
    const loud = await becomes("loud", "unhealthy");
    assert.equal(loud.Log.at(-1).Output.length, 4096 + "...".length);
  });
  it("stand still while a container is paused, and go on over the daemon's end", async () => {
    await becomes("web", "healthy");
    await ok("pause", "web");
    // As with Docker, what is not checked is not healthy, also for who waits for that.
    const { Status, Log: log } = await health("web");
    assert.equal(Status, "unhealthy");
    const before = log.at(-1).End;
    assert.equal(await ok("ps", "-q", "--filter", "health=healthy", "--filter", "name=web"), "");
    await ok("run", "--rm", "busybox", "sleep", "1");
    assert.equal((await health("web")).Log.at(-1).End, before);
    await ok("unpause", "web");
    await eventually(
      () => health("web"),
      ({ Log }) => Log.at(-1).End > before,
    );
    await engine.restart("SIGKILL");
    const last = await health("web");
    await eventually(
      () => health("web"),
      ({ Log }) => Log.at(-1).End > last.Log.at(-1).End,
    );
    await ok("exec", "web", "rm", "/ready");
    await becomes("web", "unhealthy");
    await ok("restart", "-t", "0", "web");
    assert.notEqual((await health("web")).Status, "healthy");
  });
  it("that are under way when daemon or supervisor is lost say nothing, and end", async () => {
    await run("long", "touch /begun; exec sleep 1234", "--health-retries", "1", "--health-timeout", "1h");
    const hasBegun = () =>
      eventually(
        () => docker("exec", "long", "rm", "/begun"),
        ({ code }) => code === 0,
      );
    const probes = async () => (await berth("top", "long", "-eo", "pid,args")).match(/sleep 1234/g)?.length;
    await hasBegun();
    for (const lose of [
      () => engine.restart("SIGKILL"),
      async () => void process.kill(supervisorOf(engine), "SIGKILL"),
    ]) {
      await lose();
      await hasBegun();
      await eventually(probes, (count) => count === 1);
    }
    assert.deepEqual(await health("long"), { Status: "starting", FailingStreak: 0, Log: [] });
    await berth("rm", "-f", "long");
  });
  it("leave no container healthy that has ended, also without a daemon, and say nothing of it", async () => {
    const script = "until [ -e /go ]; do sleep 0.1; done; exit 3";
    const sh = ["busybox", "sh", "-c", script];
    for (const name of ["ending", "unseen"])
      await ok("run", "-d", "--name", name, "--health-cmd", "true", ...fast, ...sh);
    for (const name of ["ending", "unseen"]) await becomes(name, "healthy");
    const since = String(Date.now() / 1000);
    await ok("exec", "ending", "touch", "/go");
    await ok("wait", "ending");
    assert.equal((await health("ending")).Status, "unhealthy");
    const until = String(Math.floor(Date.now() / 1000) + 1);
    const words = ["--since", since, "--until", until, "--filter", "container=ending"];
    const seen = await ok(
      "events",
      ...words,
      "--filter",
      "event=health_status",
      "--filter",
      "event=die",
      "--format",
      "{{.Action}}",
    );
    assert.equal(seen, "die");
    const pid = Number(await ok("inspect", "-f", "{{.State.Pid}}", "unseen"));
    process.kill(engine.pid(), "SIGSTOP");
    process.kill(pid, "SIGKILL");
    await engine.restart("SIGKILL");
    assert.equal(await ok("inspect", "-f", "{{.State.Status}}", "unseen"), "exited");
    assert.equal((await health("unseen")).Status, "unhealthy");
  });
  it("come from the image, and can be switched off", async () => {
    await ok("create", "--name", "base", "busybox", "sleep", "1000");
    await ok("commit", "--change", "HEALTHCHECK --interval=200ms CMD true", "base", "checked");
    await ok("run", "-d", "--name", "from-image", "checked");
    await becomes("from-image", "healthy");
    await ok("run", "-d", "--name", "unchecked", "--no-healthcheck", "checked");
    assert.equal(await health("unchecked"), null);
    assert.doesNotMatch(await ok("ps", "--filter", "name=unchecked", "--format", "{{.Status}}"), /health/);
  });
});
