import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "../engine.ts";
import { type Agent, newRequest, run, startAgent, startNetworks, startOutside } from "./machine.ts";

/** The machine's own: older programs than its nft crash on the rules that this one writes. */
function suite(): string {
  return /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "bookworm";
}

/** The packages as they are unpacked, and what their installation would add: minutes of it, for no use here. */
function makeTree(folder: string): void {
  const packages = "firewalld,dbus-bin,dbus-daemon,ufw,iptables,bash,coreutils,dash,python3-minimal";
  const tree = [
    "mmdebstrap",
    "--variant=extract",
    `--include=${packages}`,
    suite(),
    join(folder, "tree.tar"),
  ];
  // This process has left the network by which packages come.
  execFileSync("nsenter", [`--net=/proc/${process.ppid}/ns/net`, "--", ...tree], { stdio: "ignore" });
  mkdirSync(join(folder, "tree"));
  const links = ["iptables", "ip6tables"].flatMap((name) =>
    ["", "-save", "-restore"].map((end) => `ln -sf ${name}-nft${end} usr/sbin/${name}${end}`),
  );
  const lines = [
    `cd ${folder}/tree && tar -xf ../tree.tar`,
    "printf 'root:x:0:0::/:/bin/sh\\nmessagebus:x:100:100::/:/bin/sh\\n' >etc/passwd",
    "printf 'root:x:0:\\nmessagebus:x:100:\\n' >etc/group",
    "cp usr/share/ufw/iptables/*.rules usr/share/ufw/*.init usr/share/ufw/ufw.conf etc/ufw/",
    ...links,
  ];
  run(lines.join(" && "));
}

describe("beside the firewalls of distributions", () => {
  let outside: Agent;
  let folder: string;
  let inside: ChildProcess;

  /** Runs a command line in the tree that has the firewalls, in this machine's network namespace. */
  const within = (line: string) =>
    run(`nsenter --mount --pid --target ${inside.pid} chroot ${folder}/tree ${line}`);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "firewalls-"));
    makeTree(folder);
    const mounts = [
      "mount --make-rprivate /",
      `mount -t proc proc ${folder}/tree/proc`,
      `mount -t tmpfs run ${folder}/tree/run`,
      `mount --bind /dev ${folder}/tree/dev`,
      `mkdir -p ${folder}/tree/run/dbus ${folder}/tree/run/firewalld`,
      "exec sleep infinity",
    ];
    const namespaces = ["--mount", "--pid", "--fork", "--kill-child"];
    const holder = spawn("unshare", [...namespaces, "sh", "-c", mounts.join(" && ")], { stdio: "ignore" });
    inside = holder;
    const pid = await eventually(
      () => execFileSync("pgrep", ["-P", String(holder.pid)], { encoding: "utf8" }).trim(),
      (found) => /^\d+$/.test(found) && run(`tr '\\0' ' ' </proc/${found}/cmdline`).startsWith("sleep"),
    );
    Object.defineProperty(inside, "pid", { value: Number(pid) });
    const program = join(folder, "firewall-cmd");
    writeFileSync(
      program,
      `#!/bin/sh\nexec nsenter --mount --pid --target ${pid} chroot ${folder}/tree firewall-cmd "$@"\n`,
    );
    chmodSync(program, 0o755);
    process.env.PATH = `${folder}:${process.env.PATH}`;
    outside = await startOutside();
    await outside.serve("tcp", 7, "outside");
  });
  after(async () => {
    await outside?.stop();
    inside?.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  /** Containers of a network reach out, and published ports are reached, but no others. */
  async function openWeb(started: Awaited<ReturnType<typeof startNetworks>>, mode: string, port: number) {
    const portBindings = { "80/tcp": [{ HostIp: "", HostPort: String(port) }] };
    const sandbox = await started.networks.open(newRequest({ mode, portBindings }));
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    await agent.serve("tcp", 80, "web");
    await agent.serve("tcp", 81, "hidden");
    const address = Object.values(sandbox.endpoints)[0]?.IPAddress ?? "";
    return {
      agent,
      async works() {
        await eventually(
          () => agent.askInVain("tcp", "198.51.100.2", 7),
          (answer) => answer.startsWith("outside sees"),
        );
        assert.equal(await outside.ask("tcp", "198.51.100.1", port), "web sees 198.51.100.2");
        assert.notEqual(await outside.askInVain("tcp", address, 81), "hidden sees 198.51.100.2");
      },
    };
  }

  test("(firewalld) before and after it starts, reads its rules again, and is gone", async () => {
    const started = await startNetworks();
    const first = await openWeb(started, "bridge", 8600);
    await first.works();
    within("dbus-daemon --system --fork --nopidfile");
    const daemon = spawn(
      "nsenter",
      [
        "--mount",
        "--pid",
        "--target",
        String(inside.pid),
        "chroot",
        `${folder}/tree`,
        "firewalld",
        "--nofork",
        "--nopid",
      ],
      { stdio: "ignore" },
    );
    try {
      // From then on it refuses what it is not asked for.
      await eventually(
        () => run("firewall-cmd --zone=trusted --list-interfaces 2>&1 || :"),
        (links) => links.includes("berth-test0"),
      );
      await first.works();
      await started.networks.createNetwork({ Name: "second" });
      const second = await openWeb(started, "second", 8601);
      await second.works();
      // A busy machine may take longer than the message bus waits.
      run("firewall-cmd --reload || firewall-cmd --reload");
      await Promise.all([first.works(), second.works()]);
      await Promise.all([first.agent.stop(), second.agent.stop()]);
      await started.stop();
      assert.equal(run("firewall-cmd --zone=trusted --list-interfaces").trim(), "");
    } finally {
      const ended = new Promise((resolve) => daemon.on("exit", resolve));
      daemon.kill();
      await ended;
      run("nft flush ruleset");
    }
  });

  test("(ufw) switched on while containers run, and again", async () => {
    const started = await startNetworks();
    const web = await openWeb(started, "bridge", 8602);
    await web.works();
    within("ufw --force enable");
    assert.match(run("iptables-nft -S"), /-P FORWARD DROP/);
    await web.works();
    within("ufw reload");
    await web.works();
    await web.agent.stop();
    await started.stop();
    assert.doesNotMatch(run("iptables-nft -S"), /berth-test/);
    within("ufw disable");
  });
});
