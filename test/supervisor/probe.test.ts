import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Children } from "../../src/supervisor/children.ts";
import { probeInContainer } from "../../src/supervisor/probe.ts";
import { becomeSubreaper, hasEnded } from "../../src/sys/process.ts";
import { eventually } from "../engine.ts";

/** A runtime that runs what the process file says, in a session of its own as a container's process. */
const runtime = `#!/bin/sh
while [ "$1" != exec ]; do case $1 in --log) log=$2; : > "$log";; esac; shift; done
process=$4 pid_file=$6
if [ -e "$process.complaint" ]; then cat "$process.complaint" > "$log"; exit 1; fi
[ ! -e "$process.slow" ] || sleep 4
setsid sh -c "$(cat "$process")" & echo $! > "$pid_file"
[ ! -e "$process.taken" ] || rm "$pid_file"
[ ! -e "$process.hangs" ] || sleep 1000
`;

describe("a probe", () => {
  const children = new Children();
  const { signal } = new AbortController();
  let folder: string;
  let processFile: string;
  before(() => {
    becomeSubreaper();
    folder = mkdtempSync(join(tmpdir(), "bt-probe-"));
    mkdirSync(join(folder, "null"));
    processFile = join(folder, "exec.json");
    writeFileSync(join(folder, "runtime"), runtime, { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true }));

  const probe = (script: string, limits = {}, gone: AbortSignal = signal) => {
    writeFileSync(processFile, script);
    const options = {
      ...{
        process: "probe",
        container: "one",
        processFile,
        timeoutMilliseconds: 60_000,
        keptOutputBytes: 10,
      },
      runtime: { program: join(folder, "runtime"), root: join(folder, "runtime-root") },
      ...limits,
    };
    return probeInContainer(children, options, join(folder, "null"), gone);
  };
  const lastPid = () => Number(readFileSync(join(folder, "pid"), "latin1"));
  const isGone = () => eventually(() => hasEnded(lastPid(), ticksOf(lastPid())), Boolean);
  const ticksOf = (pid: number) => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, "latin1").split(" ")[21]);
    } catch {
      return 0;
    }
  };
  const sleep = () => `echo begun; echo $$ > ${folder}/pid; exec sleep 1000`;
  const isNothingLeft = () =>
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes(".probe")),
      [],
    );

  it("answers with its exit code and the beginning of what it has written to either stream, in order", async () => {
    const { exitCode, output, isCut, isLate } = await probe("echo one; echo two >&2; echo three; exit 3");
    assert.deepEqual([exitCode, output, isCut, isLate], [3, "one\ntwo\nth", true, false]);
    const all = await probe("printf 0123456789");
    assert.deepEqual([all.output, all.isCut], ["0123456789", false]);
    isNothingLeft();
  });

  it("never waits for who reads its output, and does not wait for what it leaves behind", async () => {
    assert.equal((await probe("head -c 1000000 /dev/zero")).isCut, true);
    const { output } = await probe(`sleep 1000 & echo $! > ${folder}/pid; echo well`);
    assert.equal(output, "well\n");
    process.kill(lastPid(), "SIGKILL");
  });

  it("may open its output again, and finds nothing to read", async () => {
    const { output } = await probe("cat > /dev/stdout; echo again > /dev/stderr", {
      owner: { uid: 1, gid: 1 },
    });
    assert.equal(output, "again\n");
  });

  it("is killed when its time is over, with what it has said, or when no one wants it", async () => {
    const late = await probe(sleep(), { timeoutMilliseconds: 3000 });
    assert.deepEqual([late.exitCode, late.output, late.isLate], [137, "begun\n", true]);
    await isGone();
    rmSync(join(folder, "pid"));
    const gone = new AbortController();
    const running = probe(sleep(), {}, gone.signal);
    await eventually(
      () => existsSync(join(folder, "pid")) && existsSync(`${processFile}.probe-pid`),
      Boolean,
    );
    gone.abort(new Error("no longer wanted"));
    await assert.rejects(running, /no longer wanted/);
    await isGone();
    isNothingLeft();
  });

  it("is killed with a runtime that hangs once it has made it", async () => {
    writeFileSync(`${processFile}.hangs`, "");
    const { exitCode, isLate, isUnstarted } = await probe(sleep(), { startTimeoutMilliseconds: 3000 });
    rmSync(`${processFile}.hangs`);
    assert.deepEqual([exitCode, isLate, isUnstarted], [137, true, true]);
    await isGone();
    isNothingLeft();
  });

  it("has its time for itself, and not for a runtime that takes long to make it", async () => {
    writeFileSync(`${processFile}.slow`, "");
    const limits = { timeoutMilliseconds: 3000, startTimeoutMilliseconds: 60_000 };
    const { output, isLate } = await probe("echo well", limits);
    assert.deepEqual([output, isLate], ["well\n", false]);
    const late = await probe(sleep(), { ...limits, timeoutMilliseconds: 1000 });
    assert.deepEqual([late.output, late.isLate, late.isUnstarted], ["begun\n", true, false]);
    rmSync(`${processFile}.slow`);
    await isGone();
    isNothingLeft();
  });

  it("fails when a daemon that has come meanwhile has taken it for one that was left", async () => {
    writeFileSync(`${processFile}.taken`, "");
    await assert.rejects(probe("exit 0"), /was ended as it began/);
    rmSync(`${processFile}.taken`);
    isNothingLeft();
  });

  it("fails in the runtime's words, which a probe's own exit code is not", async () => {
    writeFileSync(`${processFile}.complaint`, '{"level":"error","msg":"cannot find it"}\n');
    await assert.rejects(probe("exit 1"), /^Error: cannot find it$/);
    rmSync(`${processFile}.complaint`);
    const missing = { runtime: { program: "/nonexistent/runtime", root: join(folder, "runtime-root") } };
    await assert.rejects(probe("exit 1", missing), /OCI runtime "\/nonexistent\/runtime" not found/);
    isNothingLeft();
  });

  it("leaves no descriptor, however it ends", async () => {
    const count = () => readdirSync("/proc/self/fd").length;
    // What is opened once and kept is open by then.
    await probe("true");
    const opened = count();
    for (const script of ["true", "exit 1", "yes | head -c 100000"]) await probe(script);
    await probe(sleep(), { timeoutMilliseconds: 3000 });
    await isGone();
    await assert.rejects(probe("", { runtime: { program: "/nonexistent", root: folder } }));
    // A namespace is let go of by a thread.
    await eventually(count, (left) => left <= opened);
  });
});
