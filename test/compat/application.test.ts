import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, useEngine } from "../engine.ts";
import { callCompose, FollowedCompose, findComposes } from "./stock-compose.ts";

/** An application of three services: one that is built, one with a health check that it waits for, one that is asked for alone. */
const application = `
services:
  web:
    build: { context: web, args: { GREETING: built } }
    image: shop-web
    init: true
    depends_on: { db: { condition: service_healthy } }
    restart: unless-stopped
    secrets: [token]
    networks: { front: { ipv4_address: 10.217.2.50 } }
  db:
    image: busybox
    init: true
    command: sh -c 'echo db is up; touch /data/ready; sleep 1000'
    healthcheck: { test: ["CMD", "test", "-e", "/data/ready"], interval: 300ms, retries: 30 }
    volumes: ["data:/data"]
    networks: [front]
  tool:
    image: busybox
    init: true
    command: sh -c 'sleep 1; exit 3'
    profiles: [tools]
    networks: [front]
networks:
  front: { ipam: { config: [{ subnet: 10.217.2.0/24 }] } }
volumes: { data: {} }
secrets: { token: { file: ./token } }
`;

/** What the first generation knows nothing of. */
const newer = `
services:
  web:
    secrets: [password]
    configs: [{ source: site, target: /etc/site.conf, mode: 0440 }, { source: motd, target: /etc/motd }]
    develop:
      watch:
        - { action: sync, path: ./web/pages, target: /www }
        - { action: rebuild, path: ./web/Dockerfile }
secrets: { password: { environment: SHOP_PASSWORD } }
configs: { site: { content: "listen=80\\n" }, motd: { file: ./motd } }
`;

const dockerfile = `
FROM busybox
ARG GREETING
COPY pages /www
RUN echo $GREETING > /www/greeting.html
CMD ["sh", "-c", "echo web is up; exec httpd -f -h /www"]
`;

for (const stock of findComposes()) {
  const isNew = stock.generation === 2;
  // Older ones give a container up that ends, with any engine.
  const followsRestarts = isNew && stock.minor >= 40;

  describe(`an application with ${stock.title}`, () => {
    const { engine, berth } = useEngine();
    const folder = mkdtempSync(join(tmpdir(), "application-"));
    after(() => rmSync(folder, { recursive: true }));
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    const place = { folder, project: "shop", host: () => engine.host };
    const compose = (...words: string[]) => callCompose(stock, place, words);
    const follow = (...words: string[]) => new FollowedCompose(stock, place, words);
    const inWeb = (...words: string[]) => compose("exec", "-T", "web", ...words);
    const container = (service: string) => (isNew ? `shop-${service}-1` : `shop_${service}_1`);
    const states = () =>
      berth("ps", "-a", "--format", "{{.Names}} {{.State}}").then((text) => text.split("\n").sort());

    before(async () => {
      process.env.SHOP_PASSWORD = "from the environment";
      mkdirSync(join(folder, "web/pages"), { recursive: true });
      write("docker-compose.yml", application);
      if (isNew) write("docker-compose.override.yml", newer);
      write("token", "from a file");
      write("motd", "welcome");
      write("web/Dockerfile", dockerfile);
      write("web/pages/index.html", "first");
    });

    it("builds what is to be built, waits for health, and gives secrets and configs", async () => {
      await compose("up", "-d", "--build");
      assert.deepEqual(await states(), [`${container("db")} running`, `${container("web")} running`]);
      assert.equal(await berth("inspect", "-f", "{{.State.Health.Status}}", container("db")), "healthy");
      assert.equal(
        await compose("exec", "-T", "db", "wget", "-qO-", "http://10.217.2.50/greeting.html"),
        "built\n",
      );
      assert.equal(await inWeb("cat", "/run/secrets/token"), "from a file");
      if (!isNew) return;
      assert.equal(await inWeb("cat", "/run/secrets/password"), "from the environment");
      assert.equal(await inWeb("cat", "/etc/motd"), "welcome");
      assert.equal(
        await inWeb("sh", "-c", "cat /etc/site.conf; stat -c %a /etc/site.conf"),
        "listen=80\n440\n",
      );
    });
    it("runs a service once, with words of its own, and says how it ended", async () => {
      const said = await compose("run", "--rm", "-T", "db", "sh", "-c", "ls /data; exit 0");
      assert.equal(said, "ready\n");
      const failed = follow("run", "--rm", "-T", "db", "sh", "-c", "exit 5");
      assert.equal(await failed.ended, 5);
      assert.equal((await states()).length, 2, "nothing is left of it");
    });
    it("tells what happens, and what is said, while it happens", async () => {
      const events = follow("events", "--json");
      const logs = follow("logs", "-f", "--no-color");
      await logs.shows(/web.*\| web is up/);
      await logs.shows(/db.*\| db is up/);
      // What happens before it listens is not told.
      await eventually(
        async () => {
          await compose("pause", "web");
          assert.ok((await states()).includes(`${container("web")} paused`));
          await compose("unpause", "web");
          return events.text;
        },
        (text) => /"pause".*"unpause"/s.test(text),
      );
      await compose("restart", "-t", "1", "db");
      if (followsRestarts) await logs.shows(/db is up.*restarting.*db is up/s);
      await events.shows(/"restart"/);
      for (const action of ["kill", "die", "stop", "start"])
        assert.match(events.text, new RegExp(`"${action}"`));
      await events.end();
      await logs.end();
    });
    it("changes how many there are of a service", async () => {
      await compose("up", "-d", "--no-recreate", "--scale", "db=2");
      assert.equal((await compose("ps", "-q", "db")).trim().split("\n").length, 2);
      await compose(...(isNew ? ["scale", "db=1"] : ["up", "-d", "--no-recreate", "--scale", "db=1"]));
      assert.deepEqual(await states(), [`${container("db")} running`, `${container("web")} running`]);
    });
    it("starts what has a profile when it is asked to, and waits for its end", async () => {
      assert.ok(!(await states()).some((line) => line.startsWith(container("tool"))));
      const start = () => compose("--profile", "tools", "up", "-d", "tool");
      // One that has ended before it looks is none that can be waited for.
      const wait = () => start().then(() => follow("wait", "tool").ended);
      if (isNew) await eventually(wait, (code) => code === 3);
      else {
        await start();
        await eventually(states, (lines) => lines.includes(`${container("tool")} exited`));
      }
      assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", container("tool")), "3");
      await compose("--profile", "tools", "rm", "-sf", "tool");
    });
    // The first generation takes a second for its own start: what it has in common with the next is tried with that one.
    if (isNew) {
      it("leaves all as it is the second time", async () => {
        const ids = await compose("ps", "-q");
        await compose("up", "-d", "--build");
        assert.equal(await compose("ps", "-q"), ids);
      });
      it("copies files in and out", async () => {
        await compose("cp", "motd", "web:/tmp/motd");
        await compose("cp", "web:/tmp/motd", "back");
        assert.equal(readFileSync(join(folder, "back"), "utf8"), "welcome");
      });
      it("carries what is changed to the running service, and builds again what must be built", async () => {
        const page = (name: string) => berth("exec", container("web"), "cat", `/www/${name}`).catch(() => "");
        const watch = follow("watch");
        await watch.shows(/watch(ing| enabled)/i);
        await eventually(
          async () => {
            // What is written before it looks is not noticed, and it waits for half a second without a change.
            write("web/pages/index.html", "second");
            await sleep(1500);
            return page("index.html");
          },
          (text) => text === "second",
        );
        write("web/Dockerfile", dockerfile.replace("$GREETING", "again"));
        await eventually(
          () => page("greeting.html"),
          (text) => text === "again",
        );
        await watch.end();
      });
      it("ends with the code of the service that it is told to look at", async () => {
        const up = follow("--profile", "tools", "up", "--no-color", "--exit-code-from", "tool", "tool");
        assert.equal(await up.ended, 3, up.text);
      });
    }
    it("takes all of it down", async () => {
      await compose("--profile", "tools", "down", "-v", "-t", "1");
      for (const noun of [
        ["ps", "-aq"],
        ["volume", "ls", "-q"],
        ["network", "ls", "-q", "--filter", "type=custom"],
      ])
        assert.equal(await berth(...noun), "");
    });
  });
}
