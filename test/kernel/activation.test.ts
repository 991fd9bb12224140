import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../engine.ts";
import { receiveDatagrams } from "../path-datagrams.ts";
import { reserveSubnet } from "../subnets.ts";

const daemon = fileURLToPath(new URL("../../dist/daemon/main.js", import.meta.url));

it("a daemon takes the sockets that systemd has opened, says when it is ready, and leaves them open at its end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-activated-"));
  const path = join(folder, "api.sock");
  // Both processes have it, and this one may be the first to accept.
  const listening = createServer((socket) => socket.destroy());
  listening.listen(path);
  await once(listening, "listening");
  const overTcp = createServer((socket) => socket.destroy());
  overTcp.listen(0, "127.0.0.1");
  await once(overTcp, "listening");
  const { port } = overTcp.address() as AddressInfo;
  const [fd, tcpFd] = [listening, overTcp].map(
    (server) => (server as unknown as { _handle: { fd: number } })._handle.fd,
  );
  const manager = receiveDatagrams(join(folder, "notify"));
  const subnet = await reserveSubnet();
  const name = `ba${process.pid}`.slice(0, 12);
  const words = [daemon, "--data-root", join(folder, "data"), "--exec-root", join(folder, "run")];
  words.push("--bridge", name, "--nft-table", name, "--bip", subnet.address, "--cgroup-parent", `/${name}`);
  const log = openSync(join(folder, "log"), "a");
  const start = (more: Record<string, string>) =>
    spawn("sh", ["-c", `LISTEN_PID=\${PID:-$$} exec "$0" "$@"`, process.execPath, ...words, "-H", "fd://"], {
      stdio: ["ignore", log, log, fd, tcpFd],
      env: { ...process.env, LISTEN_FDS: "2", NOTIFY_SOCKET: join(folder, "notify"), ...more },
    });
  // Meant for another process: none is taken.
  const other = start({ PID: "1" });
  assert.deepEqual(await once(other, "exit"), [1, null]);
  assert.match(readFileSync(join(folder, "log"), "utf8"), /no sockets found via socket activation/);

  const child = start({});
  const states: string[] = [];
  await eventually(
    () => states.push(...manager.drain().map(String)),
    () => states.includes("READY=1"),
  );
  const ask = (place: { socketPath: string } | { port: number }, headers: Record<string, string>) =>
    new Promise<number>((resolve) => {
      request({ ...place, path: "/_ping", headers, agent: false }, (answer) =>
        resolve(answer.resume().statusCode ?? 0),
      )
        .on("error", () => resolve(0))
        .end();
    });
  const get = (place: { socketPath: string } | { port: number }, headers: Record<string, string> = {}) =>
    eventually(
      () => ask(place, headers),
      (status) => status > 0,
    );
  assert.equal(await get({ socketPath: path }), 200);
  // No web page reaches a unix socket, and clients write any name there: docker's of ssh, Docker.DotNet's, curl's.
  for (const Host of ["docker.example.com", "docker.sock", "v1.24"]) {
    const ofBrowser = { Host, "Accept-Language": "en" };
    assert.equal(await get({ socketPath: path }, ofBrowser), 200, Host);
    assert.equal(await get({ port }, { Host }), 200, Host);
    assert.equal(await get({ port }, ofBrowser), 403, Host);
  }
  child.kill("SIGUSR2");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  await eventually(
    () => states.push(...manager.drain().map(String)),
    () => states.includes("STOPPING=1"),
  );
  // Its file is systemd's: clients wait there for the next daemon.
  assert.equal(listening.listening, true);
  listening.close();
  overTcp.close();
  manager.close();
  closeSync(log);
  subnet.release();
  rmSync(folder, { recursive: true });
});

/** A socket that is open before the daemon and after it, and on which no other process accepts: systemd's. */
const holder = `
import os, socket, sys
path, words = sys.argv[1], sys.argv[2:]
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
listening.listen()
pid = os.fork()
if pid == 0:
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.execv(words[0], words)
os.waitpid(pid, 0)
sys.stdin.read()
`;

it("a daemon on a socket that systemd keeps is seen to end by who has stopped it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-held-"));
  const path = join(folder, "api.sock");
  const subnet = await reserveSubnet();
  const name = `bh${process.pid}`.slice(0, 12);
  const words = [
    process.execPath,
    daemon,
    "--data-root",
    join(folder, "data"),
    "--exec-root",
    join(folder, "run"),
  ];
  words.push("--bridge", name, "--nft-table", name, "--bip", subnet.address, "--cgroup-parent", `/${name}`);
  const log = openSync(join(folder, "log"), "a");
  const held = spawn("python3", ["-c", holder, path, ...words, "-H", "fd://"], { stdio: ["pipe", log, log] });
  const berth = (...given: string[]) => {
    const cli = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
    const env = { ...process.env, BERTH_HOST: `unix://${path}` };
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...given], {
      encoding: "utf8",
      env,
      timeout: 90_000,
    });
    return { status, said: stdout + stderr };
  };
  await eventually(
    () => readFileSync(join(folder, "log"), "utf8"),
    (text) => text.includes("listening"),
  );
  const { status, said } = berth("system", "stop", "--containers");
  assert.deepEqual([status, /Containers and engine have stopped\./.test(said)], [0, true], said);
  const ended = once(held, "exit");
  held.stdin?.end();
  await ended;
  closeSync(log);
  subnet.release();
  rmSync(folder, { recursive: true });
});
