import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { checkService } from "../../src/cli/install/machine.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

describe("berth system install", () => {
  let folder: string;
  let root: string;
  let launcher: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "install-"));
    root = join(folder, "root");
    launcher = join(folder, "a place/berth");
    mkdirSync(dirname(launcher));
    writeFileSync(launcher, "#!/bin/sh\n");
    chmodSync(launcher, 0o755);
  });
  after(() => rmSync(folder, { recursive: true }));

  const install = (...flags: string[]) => {
    const words = [main, "system", "install", "--root", root, ...flags];
    const env = { ...process.env, BERTH_LAUNCHER: launcher };
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", env });
    return { code: status, stdout, stderr };
  };
  const done = (...flags: string[]) => {
    const { code, stdout, stderr } = install(...flags);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  const files = () =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
      .sort();
  const own = [
    "/etc/systemd/system/berth-containers.service",
    "/etc/systemd/system/berth-supervisor.service",
    "/etc/systemd/system/berth.service",
    "/etc/systemd/system/berth.socket",
    "/usr/local/bin/berth",
    "/usr/local/share/bash-completion/completions/berth",
    "/usr/local/share/fish/vendor_completions.d/berth.fish",
    "/usr/local/share/zsh/site-functions/_berth",
  ];
  const asDocker = ["/etc/berth/daemon.json", "/etc/systemd/system/docker.socket", "/usr/local/bin/docker"];

  it("writes units that systemd takes, a command and completions, and says each", () => {
    const said = done();
    assert.deepEqual(files(), own);
    for (const path of own) assert.match(said, new RegExp(`^wrote ${path}$`, "m"));
    assert.equal(readlinkSync(join(root, "usr/local/bin/berth")), launcher);
    const units = readdirSync(join(root, "etc/systemd/system"));
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", ...units], {
      encoding: "utf8",
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${root}/etc/systemd/system:` },
    });
    assert.equal(verified.status, 0, verified.stderr);
    assert.doesNotMatch(verified.stderr, /berth/);
  });
  it("stops containers for an uninstall once: its mark goes with the stop that it is for", () => {
    done();
    const unit = readFileSync(join(root, "etc/systemd/system/berth.service"), "utf8");
    const [, quoted = ""] = /^ExecStop=sh -c "(.*)"$/m.exec(unit) ?? assert.fail(unit);
    const [takeDown, log] = [join(folder, "take-down"), join(folder, "stops")];
    const script = quoted
      .replaceAll("\\", "")
      .replaceAll("$$", "$")
      .replaceAll("/run/berth/take-down", takeDown);
    const program = join(folder, "a place/berth");
    writeFileSync(program, `#!/bin/sh\necho "$@" >>'${log}'\n`);
    writeFileSync(takeDown, "");
    for (const _ of [1, 2]) spawnSync("sh", ["-c", script], { env: { PATH: "/bin:/usr/bin" } });
    writeFileSync(program, "#!/bin/sh\n");
    assert.equal(readFileSync(log, "utf8"), "system stop --containers\n");
    assert.equal(existsSync(takeDown), false);
  });
  it("says why a launcher that cannot be run would not start the engine", () => {
    assert.throws(() => checkService(join(folder, "nosuch")), {
      message: /^the engine would not start as a service \(-H fd:\/\/\): .*ENOENT/,
    });
  });
  it("changes nothing when it is done again, and takes all of it back", () => {
    const before = own.slice(0, 4).map((path) => readFileSync(join(root, path), "utf8"));
    done();
    assert.deepEqual(
      own.slice(0, 4).map((path) => readFileSync(join(root, path), "utf8")),
      before,
    );
    done("--uninstall");
    assert.deepEqual(files(), []);
    const { code, stderr } = install("--uninstall");
    assert.equal(code, 1);
    assert.match(stderr, /nothing is installed/);
  });
  it("leaves alone what is another's, and then writes nothing", () => {
    mkdirSync(join(root, "usr/local/bin"), { recursive: true });
    writeFileSync(join(root, "usr/local/bin/berth"), "mine");
    const { code, stderr } = install();
    assert.equal(code, 1);
    assert.match(stderr, /\/usr\/local\/bin\/berth is there already and is not berth's/);
    assert.deepEqual(files(), ["/usr/local/bin/berth"]);
    rmSync(join(root, "usr/local/bin/berth"));
  });
  it("answers to docker's names where no Docker is, and takes that back", () => {
    done("--as-docker");
    assert.deepEqual(files(), [...own, ...asDocker].sort());
    assert.match(
      readFileSync(join(root, "etc/systemd/system/berth.service"), "utf8"),
      /^LogExtraFields=OBJECT_SYSTEMD_UNIT=docker\.service$[\s\S]*^Alias=docker\.service$/m,
    );
    done("--as-docker");
    done("--uninstall");
    assert.deepEqual(files(), []);
  });
  it("takes the place of an installation that runs from another folder, and takes that back too", () => {
    done("--as-docker");
    const first = launcher;
    launcher = join(folder, "newer/berth");
    mkdirSync(dirname(launcher), { recursive: true });
    writeFileSync(launcher, "#!/bin/sh\n", { mode: 0o755 });
    try {
      done("--as-docker");
      assert.equal(readlinkSync(join(root, "usr/local/bin/docker")), launcher);
      assert.equal(readlinkSync(join(root, "usr/local/bin/berth")), launcher);
    } finally {
      launcher = first;
    }
    done("--uninstall");
    assert.deepEqual(files(), []);
  });
  it("takes back what it has written when the rest cannot be", () => {
    done();
    const before = readFileSync(join(root, "etc/systemd/system/berth.service"), "utf8");
    const places = join(root, "usr/local/share/zsh");
    rmSync(places, { recursive: true });
    writeFileSync(places, "no folder");
    const { code } = install("--as-docker");
    assert.notEqual(code, 0);
    assert.equal(readFileSync(join(root, "etc/systemd/system/berth.service"), "utf8"), before);
    assert.equal(existsSync(join(root, "etc/systemd/system/docker.socket")), false);
    rmSync(places);
    done("--uninstall");
    assert.deepEqual(files(), []);
  });
  it("keeps the administrator's own configuration", () => {
    const config = join(root, "etc/berth/daemon.json");
    mkdirSync(dirname(config), { recursive: true });
    writeFileSync(config, "{}");
    done("--as-docker");
    assert.equal(readFileSync(config, "utf8"), "{}");
    done("--uninstall");
    assert.deepEqual(files(), ["/etc/berth/daemon.json"]);
    rmSync(config);
  });
  it("follows no link out of the file system that it writes to", () => {
    const outside = join(folder, "outside");
    mkdirSync(outside);
    rmSync(join(root, "usr/local/bin"), { recursive: true, force: true });
    mkdirSync(join(root, "usr/local"), { recursive: true });
    symlinkSync(outside, join(root, "usr/local/bin"));
    const { code, stderr } = install();
    assert.equal(code, 1);
    assert.match(stderr, /\/usr\/local\/bin\/berth leads out of .* by a link/);
    assert.deepEqual(readdirSync(outside), []);
    rmSync(join(root, "usr/local/bin"));
    assert.deepEqual(files(), []);
  });
  it("is refused from a folder that systemd cannot run programs from", () => {
    const own = launcher;
    launcher = join(folder, "100% $HOME 'odd'/berth");
    const { code, stderr } = install();
    launcher = own;
    assert.equal(code, 1);
    assert.match(stderr, /systemd cannot run programs of a folder of this name: .*100% \$HOME/);
    assert.deepEqual(files(), []);
  });
  for (const place of ["/usr/bin/docker", "/lib/systemd/system/docker.service"])
    it(`is refused beside a Docker (${place}), and then writes nothing`, () => {
      mkdirSync(dirname(join(root, place)), { recursive: true });
      writeFileSync(join(root, place), "");
      const { code, stderr } = install("--as-docker");
      assert.equal(code, 1);
      assert.match(stderr, /Docker is installed here .*remove it first, or install without --as-docker/);
      assert.deepEqual(files(), [place]);
      rmSync(join(root, place));
    });
  it("says what else there is where systemd does not run", {
    skip: existsSync("/run/systemd/system") && "systemd runs here",
  }, () => {
    const words = [main, "system", "install"];
    const env = { ...process.env, BERTH_LAUNCHER: launcher };
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", env });
    assert.equal(status, 1);
    assert.match(stderr, /systemd does not run on this machine/);
  });
});
