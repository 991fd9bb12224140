import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { type EtcInput, writeEtcFiles } from "../../src/launch/etc-files.ts";
import type { LaunchInput } from "../../src/launch/input.ts";
import { prepareExec, prepareLaunch } from "../../src/launch/prepare.ts";
import { cgroupLayout } from "../../src/sys/cgroup.ts";
import { type Folder, makeFolder } from "../trees/fixtures.ts";
import { plainInput } from "./fixtures.ts";

interface Rootfs extends Folder {
  root: LaunchInput["root"];
}

/** A root file system of one layer with two users, and a directory behind a link. */
function makeRootfs(): Rootfs {
  const folder = makeFolder();
  const { path } = folder;
  for (const name of ["lower/etc", "lower/srv", "upper", "work"])
    mkdirSync(join(path, name), { recursive: true });
  writeFileSync(
    join(path, "lower/etc/passwd"),
    "root:x:0:0::/root:/bin/sh\nanna:x:7:8::/home/anna:/bin/sh\n",
  );
  writeFileSync(join(path, "lower/etc/group"), "staff:x:50:anna\n");
  symlinkSync("srv", join(path, "lower/data"));
  const [lower, upper, work] = ["lower", "upper", "work"].map((name) => join(path, name));
  return { ...folder, root: { lower: [lower!], upper: upper!, work: work!, readOnly: false } };
}

async function prepare(folder: Rootfs, change: (input: LaunchInput) => Partial<LaunchInput> = () => ({})) {
  const input = plainInput("i".repeat(64), folder.path, folder.root);
  return prepareLaunch({ ...input, ...change(input) }, folder.path);
}

const mountAt = ({ mounts }: { mounts: { destination: string }[] }, destination: string) =>
  mounts.find((mount) => mount.destination === destination);

it("tells the supervisor where the root file system is, and the runtime what runs there", async () => {
  using folder = makeRootfs();
  const { spec, options } = await prepare(folder);
  assert.deepEqual(options.rootfs.overlay, {
    lower: [`${folder.path}/lower`],
    upper: `${folder.path}/upper`,
    work: `${folder.path}/work`,
  });
  assert.equal(options.rootfs.target, spec.root.path);
  assert.deepEqual([options.process, spec.process.args, spec.process.cwd], ["i".repeat(64), ["true"], "/"]);
  assert.deepEqual([options.log, options.shm], [{ driver: "none" }, undefined]);
  assert.equal(mountAt(spec, "/dev/shm"), undefined);
});

it("looks the user up in the root file system", async () => {
  using folder = makeRootfs();
  const { spec } = await prepare(folder, ({ process }) => {
    return { process: { ...process, user: "anna", groups: ["99"], workingDir: "/work" } };
  });
  assert.deepEqual(spec.process.user, { uid: 7, gid: 8, additionalGids: [8, 50, 99] });
  assert.ok(spec.process.env.includes("HOME=/home/anna"));
  await assert.rejects(
    prepare(folder, ({ process }) => ({ process: { ...process, user: "otto" } })),
    { message: "unable to find user otto: no matching entries in passwd file" },
  );
});

it("mounts where a destination leads, in their order, and once at one place", async () => {
  using folder = makeRootfs();
  const bind = (destination: string, source: string) => ({
    ...{ destination, source, type: "bind" },
    options: ["rbind"],
  });
  const { spec, options } = await prepare(folder, () => ({
    mounts: [bind("/data/below", "/tmp"), bind("/data", "/usr"), bind("/data", "/never")],
  }));
  const own = spec.mounts.filter(({ destination }) => destination.startsWith("/srv"));
  assert.deepEqual(
    own.map(({ destination, source }) => [destination, source]),
    [
      ["/srv", "/usr"],
      ["/srv/below", "/tmp"],
    ],
  );
  assert.ok(!options.rootfs.mountpoints?.includes("/srv"));
  await assert.rejects(
    prepare(folder, () => ({ mounts: [bind("/proc/1", "/tmp")] })),
    /inside "\/proc"/,
  );
});

it("has the supervisor stage the sources of what is shared with the host, and leaves the others", async () => {
  using folder = makeRootfs();
  const bind = (destination: string, option: string) => ({
    ...{ destination, source: "/usr", type: "bind" },
    options: ["rbind", option],
  });
  const mounts = [bind("/a", "rshared"), bind("/b", "rslave"), bind("/c", "shared")];
  const { spec, options } = await prepare(folder, () => ({ mounts }));
  const place = `${folder.path}/shared`;
  assert.deepEqual(options.shared, { folder: place, sources: ["/usr", "/usr"] });
  const sources = ["/a", "/b", "/c"].map(
    (path) => spec.mounts.find(({ destination }) => destination === path)?.source,
  );
  assert.deepEqual(sources, [`${place}/0`, "/usr", `${place}/1`]);
  assert.equal(spec.linux.rootfsPropagation, "private");
  assert.equal((await prepare(folder)).options.shared, undefined);
});

it("leaves the host's cgroup tree, bound read-only, out on cgroup v2 for a privileged init alone", async () => {
  using folder = makeRootfs();
  const destination = "/sys/fs/cgroup";
  const isBound = async (program: string, privileged: boolean, access: string) => {
    const { spec } = await prepare(folder, ({ process, security, namespaces }) => ({
      mounts: [{ destination, source: destination, type: "bind", options: ["rbind", access] }],
      process: { ...process, args: [program] },
      security: { ...security, privileged },
      namespaces: { ...namespaces, cgroup: "new" },
    }));
    return spec.mounts.some((mount) => mount.destination === destination && mount.type === "bind");
  };
  const isV2 = cgroupLayout() === "v2";
  for (const program of ["/sbin/init", "/usr/lib/systemd/systemd", "init"])
    assert.equal(await isBound(program, true, "rro"), !isV2, program);
  assert.ok(await isBound("/usr/bin/cadvisor", true, "rro"));
  assert.ok(await isBound("/sbin/init", false, "rro"));
  assert.ok(await isBound("/sbin/init", true, "rw"));
});

it("joins the namespaces of processes, and what goes with them", async () => {
  using folder = makeRootfs();
  const { spec, options } = await prepare(folder, () => ({
    namespaces: {
      ...{ network: { path: "/proc/7/fd/3" }, pid: { pid: 8 }, ipc: { pid: 9 } },
      ...{ uts: "host" as const, cgroup: "new" as const },
    },
    shmSizeBytes: 4096,
  }));
  assert.deepEqual(spec.linux.namespaces, [
    { type: "mount" },
    { type: "network", path: "/proc/7/fd/3" },
    { type: "pid", path: "/proc/8/ns/pid" },
    { type: "ipc", path: "/proc/9/ns/ipc" },
    { type: "cgroup" },
  ]);
  assert.equal(spec.hostname, undefined);
  assert.deepEqual(options.shm, { pid: 9, target: `${folder.path}/shm` });
  const shm = { destination: "/dev/shm", type: "bind", source: `${folder.path}/shm`, options: ["rbind"] };
  assert.deepEqual(mountAt(spec, "/dev/shm"), shm);
});

it("has a /dev/shm of its own, and files of names where they are given", async () => {
  using folder = makeRootfs();
  const etcFiles = { hostname: "/a", hosts: "/b", resolvConf: "/c" };
  const { spec } = await prepare(folder, ({ root }) => {
    return { shmSizeBytes: 4096, etcFiles, root: { ...root, readOnly: true } };
  });
  assert.deepEqual(mountAt(spec, "/dev/shm"), {
    ...{ destination: "/dev/shm", type: "tmpfs", source: "shm" },
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=4096"],
  });
  assert.deepEqual(mountAt(spec, "/etc/hosts"), {
    ...{ destination: "/etc/hosts", type: "bind", source: "/b" },
    options: ["rbind", "rprivate", "ro"],
  });
});

it("filters system calls, unless that is not wanted", async () => {
  using folder = makeRootfs();
  assert.ok((await prepare(folder)).spec.linux.seccomp);
  const free = await prepare(folder, ({ security }) => ({
    security: { ...security, seccomp: "unconfined" },
  }));
  assert.equal(free.spec.linux.seccomp, undefined);
  const profile = JSON.stringify({ defaultAction: "SCMP_ACT_LOG", syscalls: [] });
  const given = await prepare(folder, ({ security }) => ({ security: { ...security, seccomp: profile } }));
  assert.deepEqual(given.spec.linux.seccomp, { defaultAction: "SCMP_ACT_LOG", syscalls: [] });
});

it("describes one more process by the same words", async () => {
  using folder = makeRootfs();
  const input = plainInput("i".repeat(64), folder.path, folder.root);
  const described = await prepareExec({
    ...{ id: "e", container: input.id, runtime: input.runtime, hostname: "name" },
    layers: [input.root.upper, ...input.root.lower],
    process: { ...input.process, args: ["id"], user: "anna", terminal: true, consoleSize: [5, 7] },
    ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }],
    security: { ...input.security, noNewPrivileges: true },
  });
  assert.deepEqual(described.args, ["id"]);
  assert.equal(described.user.uid, 7);
  assert.deepEqual(described.consoleSize, { height: 5, width: 7 });
  assert.deepEqual(described.rlimits, [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }]);
  assert.equal(described.noNewPrivileges, true);
});

it("writes the files of names from plain data", () => {
  using folder = makeRootfs();
  const at = (name: string) => join(folder.path, "etc", name);
  const files = { hostname: at("hostname"), hosts: at("hosts"), resolvConf: at("resolv.conf") };
  const input: EtcInput = {
    ...{ hostname: "web", domainname: "example.org", usesHostNetwork: false },
    addresses: ["10.0.0.2"],
    extraHosts: ["db:10.0.0.9", "host:host-gateway", "six=[::2]"],
    others: ["10.0.0.7\tdb"],
    hostGateways: ["10.0.0.1"],
    hasIpv6: true,
    resolvConf: {
      dns: { servers: ["1.2.3.4"], search: ["a", "."], options: ["ndots:1"] },
      ...{ asks: "outside", hasIpv6: false },
    },
  };
  writeEtcFiles(files, input);
  assert.equal(readFileSync(files.hostname, "utf8"), "web\n");
  const hosts = readFileSync(files.hosts, "utf8");
  assert.match(
    hosts,
    /\n10\.0\.0\.9\tdb\n10\.0\.0\.1\thost\n::2\tsix\n10\.0\.0\.7\tdb\n10\.0\.0\.2\tweb\.example\.org web\n$/,
  );
  assert.match(
    readFileSync(files.resolvConf, "utf8"),
    /^#.*\nnameserver 1.2.3.4\nsearch a\noptions ndots:1\n/,
  );
  assert.throws(() => writeEtcFiles(files, { ...input, extraHosts: ["nothing"] }), {
    message: 'bad format for add-host: "nothing"',
  });
});
