import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

const words = (text: string) => text.split(" ");

describe("volumes and the containers that have them", () => {
  const { engine, berth } = useEngine();
  const volumes = async () => (await berth("volume", "ls", "-q")).split("\n").filter(Boolean);

  it("come from the image, anonymous or as the user says, with its content", async () => {
    await berth(
      ...words("run --name maker busybox sh -c"),
      "mkdir /data; echo own >/data/file; chown 5:6 /data",
    );
    await berth("commit", "--change", "VOLUME /data /more", "maker", "with-volumes");
    await berth("rm", "maker");
    assert.equal(
      await berth(...words("run --rm with-volumes sh -c"), "cat /data/file; stat -c %u:%g /data"),
      "own\n5:6",
    );
    assert.deepEqual(await volumes(), []);
    await berth(...words("run --name user -v named:/data with-volumes true"));
    const mounts = JSON.parse(await berth("inspect", "-f", "{{json .Mounts}}", "user"));
    assert.deepEqual(
      mounts.map(({ Destination }: { Destination: string }) => Destination),
      ["/data", "/more"],
    );
    assert.equal((await volumes()).length, 2);
    assert.equal(await berth(...words("run --rm --volumes-from user busybox cat /data/file")), "own");
    assert.equal((await volumes()).length, 2);
    const written = await engine.berth(
      words("run --rm --volumes-from user:ro busybox touch /data/x /more/x"),
    );
    assert.equal(written.stderr.match(/Read-only/g)?.length, 2);
    await berth("rm", "-v", "user");
    assert.deepEqual(await volumes(), ["named"]);
    await berth("volume", "rm", "named");
    await berth("rmi", "with-volumes");
  });

  it("are removed by nobody while a container has them, running or not, forced or not", async () => {
    const id = await berth(...words("create --name holder -v held:/h busybox"));
    for (const flag of [[], ["-f"]]) {
      const { code, stderr } = await engine.berth(["volume", "rm", ...flag, "held"]);
      assert.equal(code, 1);
      assert.equal(stderr.trim(), `Error response from daemon: remove held: volume is in use - [${id}]`);
    }
    assert.equal((await engine.api("DELETE", "/v1.48/volumes/held?force=1")).status, 409);
    await berth("rm", "-v", "holder");
    await berth("volume", "rm", "held");
    assert.equal(await berth(...words("volume rm -f held")), "held");
  });

  it("may be our own socket, with which a stock client works in a container", async () => {
    const socket = `${join(engine.execRoot, "berth.sock")}:/var/run/docker.sock`;
    const host = ["/usr", "/lib", "/lib64", "/bin"].flatMap((path) => ["-v", `${path}:${path}:ro`]);
    await berth(...words("run -d --name seen busybox sleep 1000"));
    for (const docker of stockDockers) {
      // Those of other suites are started by a script.
      const unpacked = join(dirname(docker), "root/usr/bin/docker");
      const program = existsSync(unpacked) ? unpacked : docker;
      const folder = dirname(program);
      const inside = [
        "run",
        "--rm",
        "-v",
        socket,
        ...host,
        "-v",
        `${folder}:${folder}:ro`,
        "busybox",
        program,
      ];
      assert.match(await berth(...inside, "ps", "--format", "{{.Names}}"), /\bseen\b/, docker);
      assert.equal(await berth(...inside, "exec", "seen", "echo", "from inside"), "from inside", docker);
      assert.equal(
        await berth(...inside, "run", "--rm", "-v", "inner:/x", "busybox", "ls", "/x"),
        "",
        docker,
      );
    }
    assert.deepEqual(await volumes(), ["inner"]);
    await berth(...words("rm -f seen"));
    await berth(...words("volume rm inner"));
  });
});
