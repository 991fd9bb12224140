import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Cli, eventually, output, startEngine, type TestEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

/** The same commands, typed with our own command line and with every stock docker there is on this machine. */
const programs = ["berth", ...stockDockers];

for (const program of programs) {
  describe(`a container's life with ${program}`, () => {
    let engine: TestEngine;
    let docker: Cli;
    before(async () => {
      engine = await startEngine();
      docker = program === "berth" ? engine.berth : engine.cli(program);
      await output(engine.berth, ["image", "make", "busybox"]);
    });
    after(() => engine.stop());

    it("runs a command and gives back its output and exit code", async () => {
      const result = await docker(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"]);
      assert.deepEqual(result, { stdout: "out\n", stderr: "err\n", code: 7 });
    });

    it("pipes standard input through and ends when it ends", async () => {
      assert.equal(await output(docker, ["run", "--rm", "-i", "busybox", "cat"], "one\ntwo\n"), "one\ntwo");
      const bytes = "x".repeat(3_000_000);
      assert.equal(
        (await output(docker, ["run", "--rm", "-i", "busybox", "cat"], bytes)).length,
        bytes.length,
      );
    });

    it("gives Docker's exit codes for what cannot be started", async () => {
      const missing = await docker(["run", "--rm", "busybox", "nosuch"]);
      assert.equal(missing.code, 127);
      assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
      const directory = await docker(["run", "--rm", "busybox", "/etc"]);
      assert.equal(directory.code, 126);
      const denied = await docker(["run", "--rm", "busybox", "/etc/passwd"]);
      assert.equal(denied.code, 126);
      assert.match(denied.stderr, /permission denied/);
      assert.equal((await docker(["run", "--rm", "--no-such-flag", "busybox", "true"])).code, 125);
      assert.equal((await docker(["run", "--rm", "nosuchimage", "true"])).code, 125);
      assert.equal(await output(docker, ["ps", "-aq"]), "", "nothing is left behind");
    });

    it("goes through created, running, paused, exited", async () => {
      const id = await output(docker, ["create", "--name", "life", "busybox", "sleep", "1000"]);
      assert.match(id, /^[0-9a-f]{64}$/);
      const status = () => output(docker, ["inspect", "-f", "{{.State.Status}}", "life"]);
      assert.equal(await status(), "created");
      assert.equal(await output(docker, ["start", "life"]), "life");
      assert.equal(await status(), "running");
      assert.equal(await output(docker, ["pause", "life"]), "life");
      assert.equal(await status(), "paused");
      assert.equal((await docker(["exec", "life", "true"])).code, 1, "no exec in a paused container");
      await output(docker, ["unpause", "life"]);
      assert.equal(await status(), "running");
      await output(docker, ["restart", "-t", "0", "life"]);
      assert.equal(await status(), "running");
      await output(docker, ["stop", "-t", "0", "life"]);
      assert.equal(
        await output(docker, ["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "life"]),
        "exited 137",
      );
      assert.equal(await output(docker, ["rename", "life", "afterlife"]), "");
      assert.equal(await output(docker, ["rm", "afterlife"]), "afterlife");
      assert.equal((await docker(["inspect", "afterlife"])).code, 1);
    });

    it("waits, kills with a signal, and answers 128 + signal", async () => {
      await output(docker, ["run", "-d", "--name", "victim", "busybox", "sleep", "1000"]);
      const waiting = output(docker, ["wait", "victim"]);
      await output(docker, ["kill", "-s", "KILL", "victim"]);
      assert.equal(await waiting, "137");
      assert.match((await docker(["kill", "victim"])).stderr, /is not running/);
      await output(docker, ["rm", "victim"]);
    });

    it("stops by the image's or the user's signal, and kills after the timeout", async () => {
      const script = 'trap "exit 5" USR1; while :; do sleep 0.05; done';
      await output(docker, [
        "run",
        "-d",
        "--name",
        "polite",
        "--stop-signal",
        "USR1",
        "busybox",
        "sh",
        "-c",
        script,
      ]);
      await eventually(
        () => output(docker, ["top", "polite"]),
        (text) => text.includes("sleep"),
      );
      await output(docker, ["stop", "polite"]);
      assert.equal(await output(docker, ["inspect", "-f", "{{.State.ExitCode}}", "polite"]), "5");
      await output(docker, ["rm", "polite"]);
    });

    it("refuses what Docker refuses, in its words", async () => {
      await output(docker, ["run", "-d", "--name", "taken", "busybox", "sleep", "1000"]);
      const conflict = await docker(["create", "--name", "taken", "busybox", "true"]);
      assert.match(
        conflict.stderr,
        /Conflict\. The container name "\/taken" is already in use by container "[0-9a-f]{64}"/,
      );
      assert.match(
        (await docker(["rm", "taken"])).stderr,
        /container is running: stop the container before removing or force remove/,
      );
      assert.match((await docker(["stop", "nosuch"])).stderr, /No such container: nosuch/);
      assert.match((await docker(["unpause", "taken"])).stderr, /is not paused/);
      await output(docker, ["rm", "-f", "taken"]);
    });

    it("finds a container by name, id and the beginning of its id", async () => {
      const id = await output(docker, ["create", "--name", "found", "busybox", "true"]);
      for (const name of ["found", id, id.slice(0, 12), id.slice(0, 5)]) {
        assert.equal(await output(docker, ["inspect", "-f", "{{.Id}}", name]), id);
      }
      await output(docker, ["rm", "found"]);
    });

    it("shows the output again with logs: all, the tail, timestamps, following", async () => {
      const script = "for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2";
      await output(docker, ["run", "--name", "talker", "busybox", "sh", "-c", script]);
      const all = await docker(["logs", "talker"]);
      assert.equal(all.stdout, "line 1\nline 2\nline 3\nline 4\nline 5\n");
      assert.equal(all.stderr, "oops\n");
      const tail = await docker(["logs", "-n", "3", "talker"]);
      assert.equal(tail.stdout + tail.stderr, "line 4\nline 5\noops\n");
      assert.match(
        (await docker(["logs", "-t", "--tail", "1", "talker"])).stderr,
        /^\d{4}-\d\d-\d\dT[\d:.]+Z oops\n$/,
      );
      assert.equal((await docker(["logs", "--since", "2000-01-01T00:00:00Z", "talker"])).stdout.length, 35);
      assert.equal((await docker(["logs", "--until", "2000-01-01T00:00:00Z", "talker"])).stdout, "");
      await output(docker, ["rm", "talker"]);
      await output(docker, [
        "run",
        "-d",
        "--name",
        "slow",
        "busybox",
        "sh",
        "-c",
        "echo a; sleep 0.5; echo b; sleep 0.5; echo c",
      ]);
      assert.equal(await output(docker, ["logs", "-f", "slow"]), "a\nb\nc");
      await output(docker, ["rm", "slow"]);
    });

    it("runs further processes with exec", async () => {
      await output(docker, [
        "run",
        "-d",
        "--name",
        "host",
        "-e",
        "A=1",
        "-w",
        "/tmp",
        "busybox",
        "sleep",
        "1000",
      ]);
      assert.equal(await output(docker, ["exec", "host", "sh", "-c", "echo $A; pwd"]), "1\n/tmp");
      assert.equal(
        await output(docker, [
          "exec",
          "-e",
          "A=2",
          "-w",
          "/etc",
          "-u",
          "nobody",
          "host",
          "sh",
          "-c",
          "echo $A; pwd; id -u",
        ]),
        "2\n/etc\n65534",
      );
      assert.equal(await output(docker, ["exec", "-i", "host", "cat"], "typed\n"), "typed");
      assert.equal((await docker(["exec", "host", "sh", "-c", "exit 42"])).code, 42);
      const missing = await docker(["exec", "host", "nosuch"]);
      assert.equal(missing.code, 127);
      assert.match(missing.stdout + missing.stderr, /executable file not found in \$PATH/);
      await output(docker, ["exec", "-d", "host", "touch", "/tmp/made"]);
      await eventually(
        () => docker(["exec", "host", "test", "-e", "/tmp/made"]),
        ({ code }) => code === 0,
      );
      await output(docker, ["rm", "-f", "host"]);
      assert.equal((await docker(["exec", "host", "true"])).code, 1);
    });

    it("removes itself and its anonymous volumes with --rm, and leaves named ones", async () => {
      await output(docker, [
        "run",
        "--rm",
        "-v",
        "/anonymous",
        "-v",
        "named:/named",
        "busybox",
        "touch",
        "/named/kept",
      ]);
      assert.equal(await output(docker, ["volume", "ls", "-q"]), "named");
      assert.equal(await output(docker, ["run", "--rm", "-v", "named:/n", "busybox", "ls", "/n"]), "kept");
      await output(docker, ["volume", "rm", "named"]);
    });

    it("lists with filters and formats", async () => {
      await output(docker, ["run", "-d", "--name", "l1", "-l", "tier=web", "busybox", "sleep", "1000"]);
      await output(docker, ["create", "--name", "l2", "-l", "tier=db", "busybox", "true"]);
      const names = async (...words: string[]) =>
        (await output(docker, ["ps", "--format", "{{.Names}}", ...words])).split("\n").sort();
      assert.deepEqual(await names(), ["l1"]);
      assert.deepEqual(await names("-a"), ["l1", "l2"]);
      assert.deepEqual(await names("-a", "-f", "label=tier=db"), ["l2"]);
      assert.deepEqual(await names("-a", "-f", "status=created"), ["l2"]);
      assert.deepEqual(await names("-a", "-f", "name=l[12]"), ["l1", "l2"]);
      assert.deepEqual(await names("-a", "-f", "ancestor=busybox"), ["l1", "l2"]);
      assert.deepEqual(await names("-l"), ["l2"]);
      assert.equal((await docker(["ps", "-f", "nosuch=1"])).code, 1);
      assert.match(
        await output(docker, ["ps"]),
        /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n[0-9a-f]{12} +busybox +"sleep 1000" +\S.*ago +Up .* +l1$/,
      );
      await output(docker, ["rm", "-f", "l1", "l2"]);
    });

    it("prunes what is not used, and nothing else", async () => {
      await output(docker, ["run", "--name", "over", "busybox", "true"]);
      await output(docker, ["run", "-d", "--name", "going", "-v", "kept:/v", "busybox", "sleep", "1000"]);
      await output(docker, ["volume", "create", "unused"]);
      assert.match(
        await output(docker, ["container", "prune", "-f"]),
        /Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /,
      );
      assert.match(await output(docker, ["system", "prune", "-f"]), /Total reclaimed space: 0B/);
      assert.equal(await output(docker, ["ps", "-a", "--format", "{{.Names}}"]), "going");
      assert.match(
        await output(docker, ["system", "df"]),
        /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +1 +1 /,
      );
      await output(docker, ["rm", "-f", "going"]);
      await output(docker, ["volume", "rm", "kept", "unused"]);
    });

    it("sees and brings files: diff, cp, export, commit", async () => {
      await output(docker, [
        "run",
        "-d",
        "--name",
        "files",
        "busybox",
        "sh",
        "-c",
        "echo new >/root/made; rm /etc/group; sleep 1000",
      ]);
      await eventually(
        () => output(docker, ["diff", "files"]),
        (text) => text.split("\n").sort().join(" ") === "A /root/made C /etc C /root D /etc/group",
      );
      await output(docker, ["cp", "files:/root/made", `${engine.folder}/copied`]);
      await output(docker, ["cp", `${engine.folder}/copied`, "files:/tmp/back"]);
      assert.equal(await output(docker, ["exec", "files", "cat", "/tmp/back"]), "new");
      await output(docker, [
        "commit",
        "-m",
        "why",
        "-a",
        "who",
        "-c",
        'CMD ["cat", "/root/made"]',
        "files",
        "committed",
      ]);
      assert.equal(await output(docker, ["run", "--rm", "committed"]), "new");
      await output(docker, ["export", "-o", `${engine.folder}/root.tar`, "files"]);
      await output(docker, ["import", "-c", "CMD cat /root/made", `${engine.folder}/root.tar`, "imported"]);
      assert.equal(await output(docker, ["run", "--rm", "imported"]), "new");
      await output(docker, ["rm", "-f", "files"]);
      await output(docker, ["rmi", "committed", "imported"]);
    });

    it("saves and loads images, tags and removes them", async () => {
      await output(docker, ["tag", "busybox", "mine:1"]);
      await output(docker, ["save", "-o", `${engine.folder}/saved.tar`, "mine:1"]);
      assert.match(await output(docker, ["rmi", "mine:1"]), /^Untagged: mine:1$/);
      assert.match(
        await output(docker, ["load", "-i", `${engine.folder}/saved.tar`]),
        /Loaded image: mine:1/,
      );
      assert.equal(
        await output(docker, ["images", "-q", "mine"]),
        await output(docker, ["images", "-q", "busybox"]),
      );
      await output(docker, ["create", "--name", "user", "mine:1", "true"]);
      assert.match((await docker(["rmi", "mine:1", "busybox"])).stderr, /unable to (remove|delete)/);
      await output(docker, ["rm", "user"]);
      await docker(["rmi", "mine:1"]);
      await docker(["load", "-i", `${engine.folder}/saved.tar`]);
      await output(docker, ["tag", "mine:1", "busybox"]);
      await output(docker, ["rmi", "mine:1"]);
    });
  });
}
