import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { getXattr, setXattr } from "../../src/sys/xattr.ts";
import { eventually, useEngine } from "../engine.ts";

const words = (text: string) => text.split(" ");
const fill = [
  "mkdir -p /v/d/e",
  "echo content >/v/d/file",
  "ln /v/d/file /v/hard",
  "ln -s ../../etc/passwd /v/sym",
  "mkfifo /v/fifo",
  "mknod /v/null c 1 3",
  "chown 5:6 /v/d/file",
  "chmod 4750 /v/d/file",
  "chown 7:8 /v",
  "chmod 1770 /v",
  "touch -d '2001-02-03 04:05:06' /v/d/e",
  "echo end >/tmp/end",
  "dd if=/tmp/end of=/v/sparse bs=1M seek=64 2>/dev/null",
].join(" && ");

describe("a volume as a whole", () => {
  const { engine, berth } = useEngine();
  const root = () => join(engine.root, "volumes");
  const dataOf = (name: string) => join(root(), name, "_data");
  const list = async () => (await berth("volume", "ls", "-q")).split("\n").filter(Boolean);
  /** All of a tree but device and inode numbers. */
  const describeTree = (name: string) =>
    execFileSync("sh", ["-c", "find . -printf '%p %y %m %U:%G %s %n %l %T@\\n' | sort; cat d/file"], {
      cwd: dataOf(name),
      encoding: "utf8",
    })
      .replace(/^(\S+ d .* )\d+( \d+ .*)$/gm, "$1-$2")
      .replace(/\.\d+$/gm, "");
  const blocksOf = (name: string) => statSync(join(dataOf(name), "sparse")).blocks;

  it("goes out as a tar and comes in as another, with owners, modes, times, links, attributes and holes", async () => {
    await berth(...words("run --rm -v source:/v busybox sh -c"), fill);
    setXattr(join(dataOf("source"), "d/file"), "user.test", Buffer.from("value"));
    const file = join(engine.folder, "volume.tar");
    await berth("volume", "export", "-o", file, "source");
    assert.equal(await berth("volume", "import", "plain", file), "plain");
    assert.equal(await berth("volume", "import", "--label", "of=back=up", "marked", file), "marked");
    assert.equal(await berth("volume", "inspect", "-f", "{{.Labels.of}}", "marked"), "back=up");
    spawnSync("gzip", ["-k", file]);
    assert.equal(await berth("volume", "import", "packed", `${file}.gz`), "packed");
    const pipe = `berth volume export source | berth volume import piped`;
    const cli = `berth() { "${process.execPath}" "${join(import.meta.dirname, "../../dist/cli/main.js")}" "$@"; }`;
    execFileSync("sh", ["-c", `${cli}; ${pipe}`], { env: { ...process.env, BERTH_HOST: engine.host } });
    assert.equal(await berth("volume", "clone", "source", "cloned"), "cloned");
    const wanted = describeTree("source");
    assert.match(wanted, /\.\/hard f 4750 5:6 8 2/);
    for (const name of ["plain", "packed", "piped", "cloned"]) {
      assert.equal(describeTree(name), wanted, name);
      assert.equal(String(getXattr(join(dataOf(name), "hard"), "user.test")), "value");
      assert.ok(blocksOf(name) < 1000, `${name} has no holes`);
    }
    // What the host's own tar makes of it is the same.
    mkdirSync(join(engine.folder, "untarred"));
    execFileSync("tar", ["-xpf", file, "--xattrs", "-C", join(engine.folder, "untarred")]);
    execFileSync("diff", [
      "-r",
      "--no-dereference",
      "--exclude=fifo",
      "--exclude=null",
      dataOf("source"),
      join(engine.folder, "untarred"),
    ]);
    assert.match(
      await berth("volume", "ls", "--size"),
      /^DRIVER +VOLUME NAME +SIZE\nlocal +cloned +67\.11MB\n/,
    );
    await berth(...words("volume rm marked plain packed piped cloned source"));
  });

  it("takes another name unless a container has it", async () => {
    await berth(...words("run --rm -v first:/v busybox touch /v/file"));
    const id = await berth(...words("create --name user -v first:/v busybox"));
    const refused = await engine.berth(words("volume rename first second"));
    assert.equal(
      refused.stderr.trim(),
      `Error response from daemon: rename first: volume is in use - [${id}]`,
    );
    await berth("rm", "user");
    await berth(...words("volume rename first second"));
    assert.deepEqual(await list(), ["second"]);
    assert.equal(await berth(...words("run --rm -v second:/v busybox ls /v")), "file");
    await berth(...words("volume create other"));
    const cases: [string, number, RegExp][] = [
      ["second/rename?name=other", 409, /a volume named other already exists/],
      ["second/rename?name=second", 409, /already exists/],
      ["second/rename?name=..", 400, /includes invalid characters for a local volume name/],
      ["second/rename?name=", 400, /too short/],
      ["nosuch/rename?name=new", 404, /get nosuch: no such volume/],
      ["nosuch/clone?to=new", 404, /get nosuch: no such volume/],
      ["second/clone?to=other", 409, /a volume named other already exists/],
      ["second/clone?to=a/b", 400, /invalid characters/],
      ["other/import", 409, /a volume named other already exists/],
      ["new/import?opt=type%3Dtmpfs&opt=device%3Dtmpfs", 400, /of the options it can have size alone/],
      ["new/import?opt=nosuch%3D1", 400, /invalid option: \\"nosuch\\"/],
      ["new/import?label=%3Dx", 400, /invalid label: \\"=x\\"/],
      ["new/import?opt=__proto__%3D1", 400, /invalid option: \\"__proto__\\"/],
      ["a%20b/import", 400, /invalid characters/],
    ];
    for (const [path, status, message] of cases) {
      const answer = await engine.api("POST", `/berth/volumes/${path}`);
      assert.equal(answer.status, status, path);
      assert.match(answer.body, message);
    }
    assert.equal((await engine.api("GET", "/berth/volumes/nosuch/export")).status, 404);
    await berth(...words("volume rm second other"));
  });

  it("does not come in from an archive that is broken, or leads outside, and nothing is left of it", async () => {
    const folder = join(engine.folder, "hostile");
    mkdirSync(folder);
    const make = (name: string, script: string) => {
      execFileSync("sh", ["-c", `mkdir tree; cd tree; ${script}; cd ..; rm -r tree`], { cwd: folder });
      return join(folder, name);
    };
    const archives = [
      make("up.tar", "echo x >file; tar -cPf ../up.tar --transform 's,^,../../,' file"),
      make(
        "link.tar",
        "ln -s / out; tar -cf ../link.tar out; rm out; mkdir out; echo x >out/berth-escaped; tar -rf ../link.tar out/berth-escaped",
      ),
      make("hard.tar", "echo x >a; ln a b; tar -cPf ../hard.tar --transform 's,^a$,/etc/passwd,' a b"),
      make(
        "cut.tar",
        "dd if=/dev/urandom of=big bs=1M count=3 2>/dev/null; tar -cf - . | head -c 2000000 >../cut.tar",
      ),
      make("garbage.tar", "dd if=/dev/urandom of=../garbage.tar bs=100k count=1 2>/dev/null"),
    ];
    for (const archive of archives) {
      const { code, stderr } = await engine.berth(["volume", "import", "hostile", archive]);
      // A path is taken as one below the volume where that has a meaning, as by any tar.
      if (code === 0) await berth("volume", "rm", "hostile");
      else assert.match(stderr, /^Error response from daemon: \S/, archive);
      assert.ok(!existsSync("/berth-escaped") && !existsSync(join(engine.root, "file")));
    }
    assert.notEqual((await engine.berth(["volume", "import", "hostile", join(folder, "up.tar")])).code, 0);
    assert.notEqual((await engine.berth(["volume", "import", "hostile", join(folder, "cut.tar")])).code, 0);
    assert.deepEqual([await list(), readdirSync(root())], [[], []]);
  });

  it("is not there before it is whole: not while it comes in, nor after its client or the daemon was killed", async () => {
    const tar = execFileSync("tar", ["-cf", "-", "-C", "/bin", "busybox"], { maxBuffer: 8 << 20 });
    const importing = () => {
      const program = [join(import.meta.dirname, "../../dist/cli/main.js"), "volume", "import", "slow"];
      const client = spawn(process.execPath, program, {
        env: { ...process.env, BERTH_HOST: engine.host },
        stdio: ["pipe", "ignore", "ignore"],
      });
      client.stdin.on("error", () => {});
      client.stdin.write(tar.subarray(0, 500_000));
      return { client, ended: once(client, "exit") };
    };
    const staged = () => readdirSync(root()).filter((name) => name.startsWith(".staged-"));
    const first = importing();
    await eventually(staged, (found) => found.length === 1);
    assert.deepEqual(await list(), []);
    const second = await engine.api("POST", "/volumes/create", { Name: "slow" });
    assert.deepEqual(
      [second.status, JSON.parse(second.body).message],
      [409, "create slow: a volume of this name is being made"],
    );
    first.client.kill("SIGKILL");
    await eventually(staged, (found) => found.length === 0);
    const again = importing();
    await eventually(staged, (found) => found.length === 1);
    await engine.restart("SIGKILL");
    again.client.kill("SIGKILL");
    await Promise.all([first.ended, again.ended]);
    await eventually(staged, (found) => found.length === 0);
    assert.deepEqual(await list(), []);
  });

  it("stays as it was when the daemon is killed amid clones and renames", async () => {
    await berth(
      ...words("run --rm -v many:/v busybox sh -c"),
      "for d in $(seq 40); do mkdir /v/$d; for f in $(seq 50); do echo $f >/v/$d/$f; done; done",
    );
    for (const delay of [5, 20, 60, 120]) {
      const clones = engine.berth(words("volume clone many copy")).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 400 + delay));
      await engine.restart("SIGKILL");
      await clones;
      assert.deepEqual(
        readdirSync(root()).filter(
          (name) => name.startsWith(".staged-") && existsSync(join(root(), name, "_data/40/50")),
        ),
        [],
      );
      const present = await list();
      if (present.includes("copy")) {
        execFileSync("diff", ["-r", dataOf("many"), dataOf("copy")]);
        await berth("volume", "rm", "copy");
      }
      assert.ok(present.includes("many"));
      const [from, to] = ["many", "renamed"];
      const renames = engine.berth(["volume", "rename", from, to]).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 150 + delay));
      await engine.restart("SIGKILL");
      await renames;
      const [only, ...others] = await list();
      assert.deepEqual(others, []);
      assert.equal(await berth("run", "--rm", "-v", `${only}:/v`, "busybox", "cat", "/v/40/50"), "50");
      if (only === to) await berth("volume", "rename", to, from);
    }
    await berth("volume", "rm", "many");
  });

  it("is kept from being removed while it is read", async () => {
    await berth(...words("run --rm -v read:/v busybox dd if=/dev/zero of=/v/big bs=1M count=64"));
    const client = spawn(
      "sh",
      [
        "-c",
        `"${process.execPath}" "${join(import.meta.dirname, "../../dist/cli/main.js")}" volume export read | { head -c 1000; sleep 1000; }`,
      ],
      {
        env: { ...process.env, BERTH_HOST: engine.host },
        stdio: ["ignore", "pipe", "ignore"],
        detached: true,
      },
    );
    await once(client.stdout, "data");
    const { stderr } = await engine.berth(words("volume rm read"));
    assert.equal(stderr.trim(), "Error response from daemon: remove read: volume is being copied");
    process.kill(-(client.pid ?? 0), "SIGKILL");
    await eventually(
      () => engine.berth(words("volume rm read")),
      ({ code }) => code === 0,
    );
  });
});
