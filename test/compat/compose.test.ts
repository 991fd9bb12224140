import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { callCompose, findComposes } from "./stock-compose.ts";

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

for (const stock of findComposes()) {
  describe(stock.title, () => {
    const { engine, berth } = useEngine();
    const folder = mkdtempSync(join(tmpdir(), "compose-"));
    after(() => rmSync(folder, { recursive: true }));
    const place = { folder, project: "shop", host: () => engine.host };
    const compose = (...words: string[]) => callCompose(stock, place, words);

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
