import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

/** Two networks, one of them with a fixed address and an alias, a third that is there already, a volume, a port, two copies. */
const project = `
version: "3.8"
services:
  web:
    image: busybox
    stop_signal: SIGKILL
    command: sh -c 'mkdir -p /w; echo hello > /w/index.html; exec httpd -f -h /w'
    networks:
      front: { aliases: [shop], ipv4_address: 10.217.1.50 }
      back: {}
    ports: ["127.0.0.1::80"]
    depends_on: { db: { condition: service_healthy } }
  db:
    image: busybox
    stop_signal: SIGKILL
    command: sleep 1000
    hostname: database
    healthcheck: { test: ["CMD", "true"], interval: 300ms, retries: 3 }
    networks: [back]
    volumes: ["data:/data"]
  probe:
    image: busybox
    stop_signal: SIGKILL
    command: sleep 1000
    networks: [front, outer]
networks:
  front:
    ipam: { config: [{ subnet: 10.217.1.0/24 }] }
  back: {}
  outer: { external: true }
volumes: { data: {} }
`;

/** Compose of version 2, a plugin of the command lines that have it, and docker-compose 1.29, where it is packaged. */
function findComposes(): [title: string, words: string[]][] {
  const plugins = stockDockers.filter((docker) => spawnSync(docker, ["compose", "version"]).status === 0);
  assert.ok(plugins.length > 0, "no docker with compose: run scripts/test.sh, which fetches some");
  const { stdout } = spawnSync("docker-compose", ["version", "--short"], { encoding: "utf8" });
  const python: [string, string[]][] = /^1\./.test(stdout ?? "")
    ? [[`docker-compose ${stdout.trim()}`, ["docker-compose"]]]
    : [];
  return [
    ...plugins.map((docker): [string, string[]] => [`${docker} compose`, [docker, "compose"]]),
    ...python,
  ];
}

for (const [title, [program = "", ...prefix]] of findComposes()) {
  describe(title.replace(/^.*\.tools\/peers\//, ""), () => {
    const { engine, berth } = useEngine();
    const folder = mkdtempSync(join(tmpdir(), "compose-"));
    after(() => rmSync(folder, { recursive: true }));
    const compose = (...words: string[]) =>
      new Promise<string>((resolve, reject) => {
        const env = { ...process.env, DOCKER_HOST: engine.host, COMPOSE_PROJECT_NAME: "shop" };
        execFile(
          program,
          [...prefix, ...words],
          { cwd: folder, env, timeout: 120_000 },
          (error, stdout, stderr) => {
            if (error) reject(new Error(`${words.join(" ")}: ${stdout}${stderr}`, { cause: error }));
            else resolve(stdout);
          },
        );
      });

    before(async () => {
      writeFileSync(join(folder, "docker-compose.yml"), project);
      await berth("network", "create", "outer");
      await compose("up", "-d", "--scale", "probe=2");
    });

    it("brings services up that find each other by service, alias and hostname", async () => {
      assert.match(await compose("exec", "-T", "probe", "wget", "-qO-", "http://shop/"), /hello/);
      assert.match(await compose("exec", "-T", "probe", "wget", "-qO-", "http://10.217.1.50/"), /hello/);
      for (const name of ["db", "database"])
        assert.match(await compose("exec", "-T", "web", "ping", "-c1", "-w5", name), /1 packets received/);
      const copies = await compose("exec", "-T", "probe", "nslookup", "-type=a", "probe");
      assert.equal(copies.match(/^Address: /gm)?.length, 2);
    });
    it("keeps what has not changed, and makes everything again when it is told to", async () => {
      const ids = await compose("ps", "-q");
      await compose("up", "-d", "--scale", "probe=2");
      assert.deepEqual((await compose("ps", "-q")).split("\n").sort(), ids.split("\n").sort());
      await compose("up", "-d", "--scale", "probe=2", "--force-recreate");
      const again = await compose("ps", "-q");
      assert.equal(again.trim().split("\n").length, 4);
      assert.ok(
        ids
          .split("\n")
          .filter(Boolean)
          .every((id) => !again.includes(id)),
      );
      assert.match(await compose("exec", "-T", "probe", "wget", "-qO-", "http://shop/"), /hello/);
    });
    it("takes down what it has made, and nothing else", async () => {
      await compose("down", "-v");
      assert.equal(await berth("ps", "-aq"), "");
      assert.equal(await berth("volume", "ls", "-q"), "");
      assert.equal((await berth("network", "ls", "-q", "--filter", "type=custom")).split("\n").length, 1);
      await berth("network", "rm", "outer");
    });
  });
}
