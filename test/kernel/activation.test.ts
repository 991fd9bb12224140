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
import { makeCertificates } from "../certificates.ts";
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

/** Sockets that are open before the daemon and after it, and on which no other process accepts: systemd's. */
const holder = `
import os, socket, sys
places, words = sys.argv[1].split(), sys.argv[2:]
def listen(place):
    is_path = place.startswith("/")
    listening = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
    listening.bind(place if is_path else (place, 0))
    listening.listen()
    return os.dup2(listening.fileno(), 100 + places.index(place))
held = [listen(place) for place in places]
pid = os.fork()
if pid == 0:
    for index, fd in enumerate(held):
        os.dup2(fd, 3 + index)
    os.environ.update(LISTEN_FDS=str(len(held)), LISTEN_PID=str(os.getpid()))
    os.execv(words[0], words)
os.waitpid(pid, 0)
print("has ended", flush=True)
sys.stdin.read()
`;

/** A daemon on a unix socket and on `places`, addresses of this machine, that another process has opened. */
async function startHeld(places: string[], flags: string[] = []) {
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
  const given = [[path, ...places].join(" "), ...words, "-H", "fd://", ...flags];
  const held = spawn("python3", ["-c", holder, ...given], { stdio: ["pipe", log, log] });
  const readLog = () => readFileSync(join(folder, "log"), "utf8");
  const berth = (...words: string[]) => {
    const cli = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
    const env = { ...process.env, BERTH_HOST: `unix://${path}` };
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...words], {
      encoding: "utf8",
      env,
      timeout: 90_000,
    });
    return { status, said: stdout + stderr };
  };
  const text = await eventually(
    readLog,
    (said) => said.split('"msg":"listening"').length > places.length + 1 || said.includes("has ended"),
  );
  return {
    berth,
    said: text,
    port: Number(/"host":"tcp:\/\/[\d.]+:(\d+)"/.exec(text)?.[1]),
    async end() {
      // Where no daemon has come, nothing answers.
      const stop = ["system", "stop", "--containers"];
      const stopped = text.includes("has ended") ? { status: null, said: text } : berth(...stop);
      const ended = once(held, "exit");
      held.stdin?.end();
      await ended;
      closeSync(log);
      subnet.release();
      rmSync(folder, { recursive: true });
      return stopped;
    },
  };
}

it("a daemon on a socket that systemd keeps is seen to end by who has stopped it", async () => {
  const held = await startHeld([]);
  const { status, said } = await held.end();
  assert.deepEqual([status, /Containers and engine have stopped\./.test(said)], [0, true], said);
});

it("TCP sockets of systemd's are served with the TLS that is asked for, and its unix sockets without", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-tls-"));
  makeCertificates(folder);
  const file = (name: string) => join(folder, name);
  const own = ["--tlscert", file("server.pem"), "--tlskey", file("server-key.pem")];
  const held = await startHeld(["127.0.0.1"], ["--tlsverify", "--tlscacert", file("ca.pem"), ...own]);
  try {
    assert.doesNotMatch(held.said, /WARNING: API is accessible/);
    const overTcp = ["-H", `tcp://127.0.0.1:${held.port}`];
    const tls = [...overTcp, "--tlsverify", "--tlscacert", file("ca.pem")];
    const known = [...tls, "--tlscert", file("client.pem"), "--tlskey", file("client-key.pem")];
    assert.equal(held.berth(...known, "version").status, 0, held.berth(...known, "version").said);
    assert.notEqual(held.berth(...tls, "version").status, 0, "no certificate");
    assert.notEqual(held.berth(...overTcp, "version").status, 0, "no TLS");
    assert.equal(held.berth("version").status, 0, "the unix socket");
  } finally {
    await held.end();
    rmSync(folder, { recursive: true });
  }
});

it("a TCP socket of systemd's that others can reach is refused without TLS, and warned of where that is wanted", async () => {
  const refused = await startHeld(["0.0.0.0"]);
  await refused.end();
  assert.match(refused.said, /tcp:\/\/0\.0\.0\.0:\d+ without TLS gives root on this machine/);
  assert.doesNotMatch(refused.said, /"listening"/);
  const open = await startHeld(["0.0.0.0"], ["--tls=false"]);
  assert.equal(open.berth("-H", `tcp://127.0.0.1:${open.port}`, "version").status, 0);
  const { said } = open.berth("info");
  await open.end();
  assert.ok(
    said.includes(`WARNING: API is accessible on http://0.0.0.0:${open.port} without encryption`),
    said,
  );
});

it("a daemon starts on a machine that has neither groups nor protocols by name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-groups-"));
  const path = join(folder, "api.sock");
  const name = `bg${process.pid}`.slice(0, 12);
  const subnet = await reserveSubnet();
  const words = [daemon, "--data-root", join(folder, "data"), "--exec-root", join(folder, "run")];
  words.push("--bridge", name, "--nft-table", name, "--bip", subnet.address, "--cgroup-parent", `/${name}`);
  const log = openSync(join(folder, "log"), "a");
  const empty = 'mount -t tmpfs none /etc && exec "$0" "$@"';
  const child = spawn(
    "unshare",
    ["-m", "sh", "-c", empty, process.execPath, ...words, "-H", `unix://${path}`],
    {
      stdio: ["ignore", log, log],
    },
  );
  const ended = once(child, "exit");
  const said = await eventually(
    () => readFileSync(join(folder, "log"), "utf8"),
    (text) => text.includes('"msg":"listening"') || child.exitCode !== null,
  );
  child.kill("SIGUSR2");
  assert.deepEqual(await ended, [0, null], said);
  closeSync(log);
  subnet.release();
  rmSync(folder, { recursive: true });
});
