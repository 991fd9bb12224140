import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { get } from "node:http";
import { networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";

describe("networking", () => {
  const { berth } = useEngine();

  const fetchText = (url: string) =>
    new Promise<string>((resolve) => {
      const request = get(url, { agent: false, timeout: 20_000 }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(text));
      });
      request.on("timeout", () => request.destroy());
      request.on("error", (error) => resolve(`error: ${error.message}`));
    });

  const ownAddress = () =>
    Object.values(networkInterfaces())
      .flat()
      .find((one) => one && !one.internal && one.family === "IPv4")?.address;

  it("publishes a TCP port on loopback, on the host's other addresses and for other containers", async () => {
    await berth(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "0:80",
      "busybox",
      "sh",
      "-c",
      "mkdir /www; echo hello >/www/index.html; httpd -f -h /www",
    );
    const port = (await berth("port", "web", "80")).split("\n")[0]?.split(":").at(-1);
    assert.match(String(port), /^\d+$/);
    assert.equal(
      await eventually(
        () => fetchText(`http://127.0.0.1:${port}/`),
        (text) => text === "hello\n",
      ),
      "hello\n",
    );
    const address =
      ownAddress() ??
      (await berth("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"));
    assert.equal(await fetchText(`http://${address}:${port}/`), "hello\n");
    const gateway = await berth("inspect", "-f", "{{.NetworkSettings.Gateway}}", "web");
    assert.equal(
      await berth("run", "--rm", "busybox", "wget", "-qO-", `http://${gateway}:${port}/`),
      "hello",
    );
    assert.equal(
      await berth("exec", "web", "wget", "-qO-", `http://${gateway}:${port}/`),
      "hello",
      "also to itself",
    );
    const ip = await berth("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web");
    assert.equal(await berth("run", "--rm", "busybox", "wget", "-qO-", `http://${ip}/`), "hello");
    assert.equal(
      await berth("inspect", "-f", '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "web"),
      port,
    );
    assert.equal(
      await berth(
        "inspect",
        "-f",
        "{{range $p, $conf := .NetworkSettings.Ports}} {{$p}} -> {{(index $conf 0).HostPort}} {{end}}",
        "web",
      ),
      ` 80/tcp -> ${port} `,
    );
    await berth("stop", "-t", "0", "web");
    assert.match(await fetchText(`http://127.0.0.1:${port}/`), /error/);
    await berth("start", "web");
    await berth("rm", "-f", "web");
  });

  it("publishes a UDP port", async () => {
    await berth("run", "-d", "--name", "echo", "-p", "127.0.0.1:0:7/udp", "busybox", "sleep", "1000");
    const pid = await berth("inspect", "-f", "{{.State.Pid}}", "echo");
    // This busybox has no UDP server, so one is run in the container's network.
    const script =
      'const s = require("dgram").createSocket("udp4"); s.on("message", (m, from) => s.send(m, from.port, from.address)).bind(7)';
    const server = spawn("nsenter", [`--net=/proc/${pid}/ns/net`, process.execPath, "-e", script], {
      stdio: "ignore",
    });
    const port = Number((await berth("port", "echo", "7/udp")).split(":").at(-1));
    const socket = createSocket("udp4");
    const answer = new Promise<string>((resolve) =>
      socket.once("message", (bytes) => resolve(bytes.toString())),
    );
    const timer = setInterval(() => socket.send("ping", port, "127.0.0.1"), 100);
    assert.match(await answer, /ping/);
    clearInterval(timer);
    socket.close();
    server.kill();
    await berth("rm", "-f", "echo");
  });

  it("gives none only a loopback, host the host's, and container:X another's", async () => {
    assert.deepEqual(
      (await berth("run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net")).split("\n"),
      ["lo"],
    );
    const host = await berth("run", "--rm", "--network", "host", "busybox", "ls", "/sys/class/net");
    assert.match(host, /bt[0-9a-f]{6}/);
    await berth("run", "-d", "--name", "base", "busybox", "sleep", "1000");
    const addresses = ["ip", "-4", "addr", "show", "eth0"];
    assert.equal(
      await berth("run", "--rm", "--network", "container:base", "busybox", ...addresses),
      await berth("exec", "base", ...addresses),
    );
    await berth("rm", "-f", "base");
  });

  it("gives each container an address and takes it back", async () => {
    const names = Array.from({ length: 5 }, (_, n) => `n${n}`);
    await Promise.all(names.map((name) => berth("run", "-d", "--name", name, "busybox", "sleep", "1000")));
    const addresses = await Promise.all(
      names.map((name) => berth("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name)),
    );
    assert.equal(new Set(addresses).size, 5);
    const connected = JSON.parse(await berth("network", "inspect", "bridge"))[0].Containers;
    assert.deepEqual(
      Object.values(connected)
        .map((one) => (one as { Name: string }).Name)
        .sort(),
      names,
    );
    const links = execFileSync("ip", ["-6", "-o", "address", "show"], { encoding: "utf8" });
    const format = '{{index .Options "com.docker.network.bridge.name"}}';
    const bridge = await berth("network", "inspect", "-f", format, "bridge");
    const ports = execFileSync("ip", ["-o", "link", "show", "master", bridge], { encoding: "utf8" });
    for (const [, port = ""] of ports.matchAll(/^\d+: (veth\w+)@/gm))
      assert.ok(!links.includes(port), `${port} looks for IPv6 routers in its container`);
    assert.equal(ports.trim().split("\n").length, 5);
    await berth("rm", "-f", ...names);
    assert.deepEqual(JSON.parse(await berth("network", "inspect", "bridge"))[0].Containers, {});
  });
});
