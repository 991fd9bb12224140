import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { parallelSteps } from "../../src/build/solve/solve.ts";
import { eventually, useEngine } from "../engine.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

describe("steps of builds that run at the same time", () => {
  const { engine, berth } = useEngine();
  const { context, run, runWith, folder } = useDocker(engine);
  before(() => berth("image", "make", "busybox"));

  /** A build of the stock client, with what it has printed so far. */
  function begin(...words: string[]) {
    const env = { ...process.env, DOCKER_HOST: engine.host };
    const child = spawn(newestDocker, ["build", "--progress", "plain", ...words], { env });
    const build = { child, output: "", ended: new Promise<number | null>((end) => child.on("close", end)) };
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text: Buffer) => (build.output += text.toString()));
    return build;
  }
  const shows = (build: { output: string }, pattern: RegExp) =>
    eventually(
      () => build.output,
      (text) => pattern.test(text),
      300,
    );

  it("go on where more bind a part of the context than may run", async () => {
    const numbers = Array.from({ length: parallelSteps() * 2 }, (_, number) => number);
    const stages = numbers.map(
      (number) =>
        `FROM busybox AS s${number}\nRUN --mount=type=bind,source=f${number},target=/f cp /f /made${number}\n`,
    );
    const copies = numbers.map((number) => `COPY --from=s${number} /made${number} /\n`);
    const place = context("many", {
      Dockerfile: `${stages.join("")}FROM busybox\n${copies.join("")}`,
      ...Object.fromEntries(numbers.map((number) => [`f${number}`, `${number}\n`])),
    });
    const built = await run("build", "-q", place);
    assert.equal(built.code, 0, built.stderr);
    const shown = await run("run", "--rm", built.stdout.trim(), "sh", "-c", "cat /made*");
    assert.equal(shown.stdout.split("\n").filter(Boolean).length, numbers.length);
  });

  it("are done again for a build without the cache, which others may join", async () => {
    const wait =
      "RUN --mount=type=cache,id=again,target=/c echo >> /c/begun; until test -e /c/go; do sleep 0.1; done";
    const place = context("again", {
      Dockerfile: `FROM busybox\n${wait}; cat /proc/sys/kernel/random/uuid > /id\n`,
    });
    const first = begin("-t", "first", place);
    await shows(first, / 2\/2\] RUN/);
    const fresh = begin("--no-cache", "-t", "fresh", place);
    await shows(fresh, / 2\/2\] RUN/);
    const joining = begin("-t", "joining", place);
    await shows(joining, / 2\/2\] RUN/);
    const watch = `FROM busybox\nRUN --mount=type=cache,id=again,target=/c until [ $(wc -l < /c/begun) = 2 ]; do sleep 0.1; done; touch /c/go\n`;
    const opener = await run("build", "-q", context("opener", { Dockerfile: watch }));
    assert.equal(opener.code, 0, opener.stderr);
    const codes = [await first.ended, await fresh.ended, await joining.ended];
    assert.deepEqual(codes, [0, 0, 0], fresh.output);
    const id = async (image: string) => (await run("run", "--rm", image, "cat", "/id")).stdout;
    assert.notEqual(await id("fresh"), await id("first"));
    assert.equal(await id("joining"), await id("fresh"));
  });

  it("go on where more wait for a cache mount than may run", async () => {
    const mount = "--mount=type=cache,id=waited,target=/c,sharing=locked";
    const holder = context("long", {
      Dockerfile: `FROM busybox\nRUN ${mount} echo has it; until test -e /c/go; do sleep 0.1; done\n`,
    });
    const holding = begin(holder);
    await shows(holding, /\d has it/);
    const numbers = Array.from({ length: parallelSteps() }, (_, number) => number);
    const stages = numbers.map(
      (number) => `FROM busybox AS s${number}\nRUN ${mount} echo ${number} > /made\n`,
    );
    const copies = numbers.map((number) => `COPY --from=s${number} /made /made${number}\n`);
    const crowd = begin(
      context("crowd", { Dockerfile: `${stages.join("")}FROM busybox\n${copies.join("")}` }),
    );
    for (const number of numbers) await shows(crowd, new RegExp(`s${number} 2/2\\] RUN`));
    // It takes no lock, and ends the holder.
    const opener = { Dockerfile: "FROM busybox\nRUN --mount=type=cache,id=waited,target=/c touch /c/go\n" };
    const opened = await run("build", "-q", context("open", opener));
    assert.equal(opened.code, 0, opened.stderr);
    assert.deepEqual([await holding.ended, await crowd.ended], [0, 0], crowd.output);
  });

  it("go on where more files of the web come slowly than may be copied", async () => {
    const numbers = Array.from({ length: parallelSteps() * 2 }, (_, number) => number);
    const answers: ServerResponse[] = [];
    const server = createServer((_, response) => {
      answers.push(response);
      response.write("begun ");
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const adds = numbers.map((number) => `ADD ${address}/f${number} /\n`);
      const fetching = begin("-t", "slow", context("slow", { Dockerfile: `FROM busybox\n${adds.join("")}` }));
      await eventually(
        () => answers.length,
        (count) => count === numbers.length,
        60,
      );
      const copied = await run(
        "build",
        "-q",
        context("copied", { Dockerfile: "FROM busybox\nCOPY f /\n", f: "f" }),
      );
      assert.equal(copied.code, 0, copied.stderr);
      for (const answer of answers) answer.end("and over");
      assert.equal(await fetching.ended, 0, fetching.output);
      assert.equal((await run("run", "--rm", "slow", "cat", "/f0")).stdout, "begun and over");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("are begun again with the secrets of a build that waits, when the one that began them has gone", async () => {
    const secret = join(folder, "secret.txt");
    writeFileSync(secret, "told");
    const mount = "--mount=type=cache,id=one,target=/c,sharing=locked";
    const holder = context("holder", {
      Dockerfile: `FROM busybox\nRUN ${mount} echo has it; until test -e /c/go; do sleep 0.1; done\n`,
    });
    const starter = context("starter", {
      Dockerfile: "FROM busybox\nRUN --mount=type=cache,id=one,target=/c touch /c/go\n",
    });
    const place = context("shared", {
      Dockerfile: `FROM busybox\nRUN ${mount} --mount=type=secret,id=s cat /run/secrets/s >/out || echo nothing >/out\n`,
    });
    const holding = begin("--no-cache", holder);
    await shows(holding, /\d has it/);
    const words = ["--secret", `id=s,src=${secret}`, place];
    const first = begin(...words);
    await shows(first, / 2\/2\] RUN/);
    const second = begin("-t", "second", ...words);
    await shows(second, / 2\/2\] RUN/);
    first.child.kill("SIGKILL");
    await first.ended;
    // Takes no lock, so that it ends the holder.
    assert.equal((await runWith({}, "build", "--no-cache", "-q", starter)).code, 0);
    assert.deepEqual([await holding.ended, await second.ended], [0, 0], second.output);
    assert.equal((await run("run", "--rm", "second", "cat", "/out")).stdout, "told");
  });
});
