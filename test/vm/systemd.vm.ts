import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "../engine.ts";
import { sh } from "./neighbour.ts";

const launcher = join(import.meta.dirname, "../../berth");
const isActive = (unit: string) => sh(`systemctl is-active ${unit} || :`);
const pidOf = (unit: string) => sh(`systemctl show -P MainPID ${unit}`);

/** Supervisors that were killed: each may have read a line and not yet written it (docs/survival.md). */
let killed = 0;

/** What a container says, a number ten times a second, has no other hole. */
function assertWhole(log: string): void {
  const numbers = log.split("\n").map(Number);
  assert.ok(numbers.length > 0);
  assert.equal(numbers[0], 1);
  const holes = numbers.slice(1).filter((number, index) => number !== (numbers[index] as number) + 1);
  const missing = (numbers.at(-1) as number) - numbers.length;
  assert.ok(
    holes.length <= killed && missing <= killed,
    `${missing} lines are missing before ${holes.join(", ")}`,
  );
}

/** An image with a systemd that starts a web server alone. Its programs are the machine's own: they are mounted. */
function makeGuestImage(): void {
  const tree = mkdtempSync("/tmp/guest-");
  for (const name of ["etc/systemd/system", "root", "srv", "usr"])
    mkdirSync(join(tree, name), { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(tree, name));
  for (const name of ["passwd", "group", "shadow"]) copyFileSync(`/etc/${name}`, join(tree, "etc", name));
  writeFileSync(join(tree, "srv/index.html"), "from systemd\n");
  const unit = (name: string, ...lines: string[]) =>
    writeFileSync(join(tree, "etc/systemd/system", name), `${lines.join("\n")}\n`);
  const command = "ExecStart=/bin/busybox httpd -f -p 80 -h /srv";
  unit("web.service", "[Unit]", "DefaultDependencies=no", "[Service]", command);
  unit("default.target", "[Unit]", "Requires=web.service", "After=web.service", "AllowIsolate=yes");
  const changes = `-c 'ENV container=docker' -c 'CMD ["/usr/sbin/init"]'`;
  sh(`chmod 755 ${tree}; tar -C ${tree} -c . | docker import ${changes} - guest`);
  rmSync(tree, { recursive: true });
}

describe("an engine under the machine's systemd", () => {
  before(() => {
    assert.equal(sh("stat -f -c %T /sys/fs/cgroup"), "cgroup2fs", "pure cgroup v2");
    assert.equal(sh("cat /sys/module/apparmor/parameters/enabled"), "Y");
    sh(`${launcher} system install`);
    sh("berth image make busybox");
  });
  const removeContainers = () => sh("docker ps -aq | xargs -r docker rm -f");
  after(() => {
    if (!existsSync("/etc/systemd/system/berth.service")) return;
    removeContainers();
    sh(`${launcher} system install --uninstall`);
  });
  const startCounter = () =>
    sh(
      "berth run -d --name counter -p 8080:80 busybox sh -c 'httpd -h /etc; i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done'",
    );
  const counter = () =>
    sh("berth inspect -f '{{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}' counter");

  it("is restarted, stopped and killed without touching a container", async () => {
    const units = ["berth.service", "berth.socket", "berth-supervisor.service", "berth-containers.service"];
    for (const unit of units) assert.equal(isActive(unit), "active", unit);
    assert.equal(realpathSync("/usr/local/bin/berth"), launcher);
    startCounter();
    const before = counter();
    const cgroup = readFileSync(`/proc/${before.split(" ")[0]}/cgroup`, "utf8");
    for (const command of ["restart berth", "kill -s KILL berth", "stop berth"]) {
      const engine = pidOf("berth");
      sh(`systemctl ${command}`);
      assert.match(sh("curl -sS --max-time 20 http://127.0.0.1:8080/passwd"), /^root:/, command);
      // Its socket starts it again.
      assert.equal(counter(), before, command);
      assert.notEqual(pidOf("berth"), engine, command);
    }
    for (const command of [
      "systemctl kill -s KILL berth-supervisor",
      "systemctl stop berth-supervisor",
      "kill -9 $(systemctl show -P MainPID berth-supervisor)",
    ]) {
      const supervisor = pidOf("berth-supervisor");
      sh(command);
      killed++;
      // The engine has systemd start it again, in its unit's own group.
      const [, pid] = await eventually(
        () => [isActive("berth-supervisor"), pidOf("berth-supervisor")],
        ([state, now]) => state === "active" && now !== supervisor && now !== "0",
      );
      const group = "0::/system.slice/berth-supervisor.service\n";
      assert.equal(readFileSync(`/proc/${pid}/cgroup`, "utf8"), group, command);
      assert.equal(counter(), before, command);
      assert.equal(sh("berth exec counter echo here"), "here", command);
      assert.equal(sh("pgrep -fc '^berth-supervisor '"), "1", command);
    }
    assert.doesNotMatch(sh("journalctl -u berth --no-pager"), /did not start berth-supervisor/);
    assert.equal(readFileSync(`/proc/${before.split(" ")[0]}/cgroup`, "utf8"), cgroup);
    assertWhole(sh("berth logs counter"));
    assert.match(sh("berth system check"), /agree/);
  });

  it("has its containers' cgroups in a unit that systemd leaves to it, and loses none with that unit or the supervisor's", async () => {
    const limits = "-m 64m --cpus 0.5 --cpuset-cpus 0 --pids-limit 50";
    sh(`berth run -d --name limited ${limits} busybox sleep 1000`);
    const [pid, id] = sh("berth inspect -f '{{.State.Pid}} {{.Id}}' limited").split(" ");
    const cgroup = `/system.slice/berth-containers.service/berth/${id}`;
    assert.equal(readFileSync(`/proc/${pid}/cgroup`, "utf8"), `0::${cgroup}\n`);
    const held = () =>
      ["memory.max", "cpu.max", "cpuset.cpus", "pids.max"].map((name) =>
        readFileSync(`/sys/fs/cgroup${cgroup}/${name}`, "utf8").trim(),
      );
    const expected = ["67108864", "50000 100000", "0", "50"];
    assert.deepEqual(held(), expected);
    const before = counter();
    const stopped = ["stop berth-containers", "stop berth-supervisor", "daemon-reload", "daemon-reexec"];
    for (const command of [
      ...stopped,
      "start berth-supervisor",
      "restart berth-containers",
      "restart berth",
    ]) {
      sh(`systemctl ${command}`);
      if (command === "stop berth-supervisor") killed++;
      assert.equal(counter(), before, command);
      assert.deepEqual(held(), expected, command);
      assert.equal(sh("berth exec limited echo here"), "here", command);
    }
    await eventually(
      () => sh("berth system check"),
      (said) => /agree/.test(said),
    );
    assertWhole(sh("berth logs counter"));
    const stats = sh("berth stats --no-stream --format '{{.MemUsage}}' limited");
    assert.match(stats, / \/ 64MiB$/);
    sh("berth rm -f limited");
    assert.ok(!existsSync(`/sys/fs/cgroup${cgroup}`));
    sh("systemctl restart berth-supervisor");
    for (const unit of ["berth.service", "berth-supervisor.service", "berth-containers.service"])
      assert.equal(isActive(unit), "active", unit);
  });

  it("has systemd make its containers' cgroups for those who want that", () => {
    const before = counter();
    mkdirSync("/etc/berth", { recursive: true });
    writeFileSync("/etc/berth/daemon.json", '{"exec-opts": ["native.cgroupdriver=systemd"]}');
    sh("systemctl restart berth");
    try {
      assert.equal(sh("berth info -f '{{.CgroupDriver}} {{.CgroupVersion}}'"), "systemd 2");
      assert.equal(counter(), before);
      assert.match(
        sh("berth stats --no-stream --format '{{.Name}} {{.MemUsage}}' counter"),
        /^counter [\d.]+[MK]iB/,
      );
      for (const [flag, slice] of [
        ["", "/system.slice"],
        ["--cgroup-parent own-part.slice", "/own.slice/own-part.slice"],
      ]) {
        sh(`berth run -d --name scoped -m 64m ${flag} busybox sleep 1000`);
        const [pid, id] = sh("berth inspect -f '{{.State.Pid}} {{.Id}}' scoped").split(" ");
        const cgroup = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().replace("0::", "");
        assert.ok(cgroup.startsWith(`${slice}/berth-${id}.scope`), cgroup);
        assert.equal(isActive(`berth-${id}.scope`), "active");
        sh("systemctl daemon-reload");
        assert.equal(readFileSync(`/sys/fs/cgroup${cgroup}/memory.max`, "utf8"), "67108864\n");
        sh("berth update -m 96m --memory-swap 96m scoped");
        assert.match(sh("berth stats --no-stream --format '{{.MemUsage}}' scoped"), / \/ 96MiB$/);
        sh("berth pause scoped && berth unpause scoped && berth exec scoped true");
        sh("systemctl restart berth berth-supervisor");
        assert.equal(sh("berth inspect -f '{{.State.Pid}}' scoped"), pid);
        sh("berth rm -f scoped");
        assert.equal(isActive(`berth-${id}.scope`), "inactive");
      }
      const refused = /cgroup-parent for systemd cgroup should be a valid slice named as \\?"xxx.slice\\?"/;
      assert.throws(() => sh("berth run --rm --cgroup-parent /own busybox true"), refused);
      sh("printf 'FROM busybox\\nRUN cat /proc/self/cgroup\\n' | berth build -q -");
      assert.match(sh("berth system check"), /agree/);
    } finally {
      rmSync("/etc/berth/daemon.json");
      sh("systemctl restart berth");
    }
    assert.equal(counter(), before);
    assert.equal(sh("berth info -f '{{.CgroupDriver}}'"), "cgroupfs");
  });

  it("writes logs to the journal, where journalctl finds them by their container, and reads them again", async () => {
    const said = ["err", "grüße", "out"];
    const options = "--log-driver journald --log-opt tag=tagged --log-opt labels=of -l of=test";
    sh(`berth run --name journaled ${options} busybox sh -c 'echo out; echo err >&2; echo grüße'`);
    const query = "journalctl --no-pager -o cat CONTAINER_NAME=journaled";
    await eventually(
      () => sh(query).split("\n").toSorted(),
      (lines) => lines.length >= said.length,
    );
    assert.deepEqual(sh(query).split("\n").toSorted(), said);
    assert.equal(sh(`${query} -p err`), "err");
    const fields = "journalctl --no-pager -o json CONTAINER_NAME=journaled -p err";
    const { CONTAINER_ID_FULL, CONTAINER_TAG, SYSLOG_IDENTIFIER, OF } = JSON.parse(sh(fields));
    const id = sh("berth inspect -f '{{.Id}}' journaled");
    assert.deepEqual(
      [CONTAINER_ID_FULL, CONTAINER_TAG, SYSLOG_IDENTIFIER, OF],
      [id, "tagged", "tagged", "test"],
    );
    assert.deepEqual(sh("berth logs journaled 2>&1").split("\n").toSorted(), said);
    sh("berth rm journaled");
  });

  it("goes away and comes back under docker's names, with its containers", () => {
    const before = counter();
    const said = sh(`${launcher} system install --uninstall`);
    killed++;
    assert.match(said, /removed \/etc\/systemd\/system\/berth\.service/);
    assert.equal(sh("systemctl list-unit-files 'berth*' --no-legend | wc -l"), "0");
    assert.match(sh("curl -sS --max-time 20 http://127.0.0.1:8080/passwd"), /^root:/);
    sh(`${launcher} system install --as-docker`);
    const units = ["docker.service", "docker.socket", "berth-supervisor.service"];
    assert.deepEqual(units.map(isActive), ["active", "active", "active"]);
    assert.equal(counter(), before);
    assert.match(sh("DOCKER_HOST=unix:///var/run/docker.sock docker ps --format '{{.Names}}'"), /^counter$/m);
    assert.equal(sh("stat -c %G /var/run/docker.sock"), "docker");
    const engine = pidOf("docker");
    sh("systemctl restart docker");
    assert.notEqual(pidOf("docker"), engine);
    assert.equal(counter(), before);
    assert.match(sh("docker stats --no-stream --format '{{.MemUsage}}' counter"), /^[\d.]+[MK]iB/);
    assertWhole(sh("docker logs counter"));
    sh("docker rm -f counter");
  });

  it("confines containers by its AppArmor profile", () => {
    const current = "cat /proc/self/attr/current";
    assert.equal(sh(`docker run --rm busybox ${current}`), "berth-default (enforce)");
    assert.equal(sh(`docker run --rm --privileged busybox ${current}`), "unconfined");
    const admin = "docker run --rm --cap-add SYS_ADMIN --security-opt seccomp=unconfined";
    const mount = "busybox mount -t tmpfs none /tmp";
    assert.throws(() => sh(`${admin} ${mount}`), /permission denied/i);
    sh(`${admin} --security-opt apparmor=unconfined ${mount}`);
  });

  it("shows on the machine, whose root systemd has made shared, what a container mounts below a shared bind of it", () => {
    sh("mkdir -p /srv/seen");
    const mountpoints = () => sh("cut -d' ' -f5 /proc/self/mountinfo | LC_ALL=C sort");
    const before = mountpoints();
    sh("docker run -d --name sharing --privileged -v /:/host:rshared busybox sleep 1000");
    assert.equal(mountpoints(), before);
    sh("docker exec sharing sh -c 'mount -t tmpfs inner /host/srv/seen; mount -t tmpfs own /tmp'");
    const shown = mountpoints().split("\n");
    assert.deepEqual(shown, [...before.split("\n"), "/srv/seen"].sort());
    sh("docker rm -f sharing; umount /srv/seen");
    assert.equal(mountpoints(), before);
  });

  it("runs an image with a systemd of its own by the line that guides have for it", async () => {
    makeGuestImage();
    const run = "docker run -d --name guest --privileged -ti -v /usr:/usr:ro";
    for (const flags of ["-v /sys/fs/cgroup:/sys/fs/cgroup:ro -p 80:80", "-p 80:80"]) {
      sh(`${run} ${flags} guest`);
      await eventually(
        () => sh("curl -sS --max-time 20 http://127.0.0.1/ 2>&1 || :"),
        (answer) => answer === "from systemd",
      );
      assert.match(sh("docker exec guest systemctl is-active web"), /^active$/);
      const cgroups = "docker exec guest sh -c 'cat /proc/1/cgroup /proc/$(pidof busybox)/cgroup'";
      assert.equal(sh(cgroups), "0::/init.scope\n0::/system.slice/web.service");
      sh("docker rm -f guest");
    }
    assert.ok(existsSync("/sys/fs/cgroup/init.scope"), "that of the machine");
    assert.equal(isActive("ssh"), "active");
  });

  it("takes its network with it where no container runs", () => {
    removeContainers();
    assert.match(sh("nft list tables"), /^table inet berth$/m);
    assert.match(
      sh(`${launcher} system install --uninstall`),
      /^took down the bridges and the packet filter$/m,
    );
    assert.doesNotMatch(sh("nft list tables"), /^table inet berth(-loopback)?$/m);
    assert.doesNotMatch(sh("ip -br link"), /^berth0/m);
    assert.equal(sh("pgrep -c '^berth-' || :"), "0");
  });

  it("is not installed with a configuration that would keep it from starting", () => {
    sh(`mkdir -p /etc/berth && echo '{"hosts": ["tcp://127.0.0.1:2375"]}' > /etc/berth/daemon.json`);
    const said = sh(`${launcher} system install 2>&1 || :`);
    assert.match(said, /would not start as a service \(-H fd:\/\/\): .*hosts/);
    assert.equal(sh("systemctl list-unit-files 'berth*' --no-legend | wc -l"), "0");
    rmSync("/etc/berth/daemon.json");
  });
});
