import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, describe, it } from "node:test";
import { debianTree } from "../debian-tree.ts";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";

const config = `
global
  maxconn 500
defaults
  mode http
  timeout connect 3s
  timeout check 5s
  timeout client 20s
  timeout server 5s
  retries 5
  option redispatch 1
  retry-on all-retryable-errors
resolvers names
  nameserver embedded 127.0.0.11:53
  hold valid 1s
frontend web
  bind :80
  stats enable
  stats uri /stats
  default_backend servers
backend servers
  balance roundrobin
  option httpchk GET /
  http-response set-header served-by %[srv_name]
  default-server check inter 1s fall 1 rise 1 resolvers names init-addr none
  server one one:80
  server two two:80
`;

describe("HAProxy before two backends that it knows by name", () => {
  let engine: TestEngine;
  let port: string;
  const berth = (...words: string[]) => output(engine.berth, words);
  before(async () => {
    const archive = await debianTree();
    engine = await startEngine();
    await engine.berth(["import", archive, "balancer"], { timeoutSeconds: 120 });
    await berth("image", "make", "busybox");
    await berth("network", "create", "back");
    for (const name of ["one", "two"]) await serve(name);
    const command = ["sh", "-c", `printf '%s' "$CONFIG" >/h.cfg && exec haproxy -db -f /h.cfg`];
    const on = ["--network", "back", "-p", "127.0.0.1::80", "-e", `CONFIG=${config}`];
    await berth("run", "-d", "--name", "balancer", ...on, "balancer", ...command);
    port = (await berth("port", "balancer", "80")).split(":").at(-1) ?? "";
  });
  after(() => engine?.stop());

  /** Its answer is a head alone, so one packet: no server can go when half of it has come, which no balancer could ask of another. */
  const serve = (name: string) =>
    berth(
      ...["run", "-d", "--name", name, "--network", "back", "busybox"],
      ...["sh", "-c", ": >index.html; exec httpd -f"],
    );

  /** The text that came, who served it where it is empty, or what went wrong. */
  const fetch = (path = "/") =>
    new Promise<string>((resolve) => {
      const request = get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => {
          const served = text.trim() || String(response.headers["served-by"]);
          resolve(response.statusCode === 200 ? served : `${response.statusCode}`);
        });
        response.on("close", () => resolve("cut off"));
      });
      request.on("error", (error) => resolve(error.message));
    });

  /** "UP", "DOWN", "MAINT", … */
  async function statusOf(name: string): Promise<string> {
    const [head = "", ...lines] = (await fetch("/stats;csv")).split("\n");
    const column = head.split(",").indexOf("status");
    return lines.find((line) => line.startsWith(`servers,${name},`))?.split(",")[column] ?? "";
  }

  const isUp = (name: string) =>
    eventually(
      () => statusOf(name),
      (status) => status.startsWith("UP"),
    );

  /** Requests without a pause, so many at a time, until it is stopped: how many of each answer. */
  function startLoad(lanes: number) {
    const counts = new Map<string, number>();
    let isOver = false;
    const work = Array.from({ length: lanes }, async () => {
      while (!isOver) {
        const answer = await fetch();
        counts.set(answer, (counts.get(answer) ?? 0) + 1);
      }
    });
    return {
      counts,
      async stop() {
        isOver = true;
        await Promise.all(work);
        return counts;
      },
    };
  }

  /** Fewer than the backlog of busybox's httpd (9): a check that it drops would take both servers out. */
  const lanes = 6;

  for (const how of ["kill", "restart -t 0", "network disconnect -f back"]) {
    it(`serves every request while one of them goes (${how}) and comes back`, async () => {
      for (const name of ["one", "two"]) await isUp(name);
      const load = startLoad(lanes);
      const reaches = async (name: string) => {
        const before = load.counts.get(name) ?? 0;
        await eventually(
          () => (load.counts.get(name) ?? 0) - before,
          (more) => more > 50,
        );
      };
      for (const name of ["one", "two"]) await reaches(name);
      await berth(...how.split(" "), "one");
      if (how.startsWith("kill") || how.startsWith("network"))
        await eventually(
          () => statusOf("one"),
          (status) => !status.startsWith("UP"),
        );
      await reaches("two");
      if (how.startsWith("kill")) await berth("start", "one");
      if (how.startsWith("network")) await berth("network", "connect", "back", "one");
      await isUp("one");
      await reaches("one");
      const counts = await load.stop();
      assert.deepEqual([...counts.keys()].sort(), ["one", "two"], "nothing but answers of the two");
    });
  }
});
