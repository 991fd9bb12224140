import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { hasBlockWeight } from "../../src/sys/cgroup.ts";
import { useEngine } from "../engine.ts";

describe("what cannot be, in Docker's words and where Docker says it", () => {
  const { engine, berth } = useEngine();
  const both = {
    ours: (words: string[]) => engine.berth(words),
    docker: (words: string[]) => engine.cli("docker")(words),
  };
  const refuse = async (method: string, path: string, body?: object) => {
    const answer = await engine.api(method, path, body);
    return [answer.status, JSON.parse(answer.body).message];
  };
  const create = async (name: string, body: object) => {
    const answer = await engine.api("POST", `/containers/create?name=${name}`, { Image: "busybox", ...body });
    assert.equal(answer.status, 201, answer.body);
    return JSON.parse(answer.body).Id;
  };
  const hostConfigOf = async (name: string) =>
    JSON.parse((await engine.api("GET", `/containers/${name}/json`)).body).HostConfig;

  before(async () => {
    await berth("run", "-d", "--name", "box", "--stop-timeout", "0", "busybox", "sleep", "100000");
    await berth("create", "--name", "made", "busybox", "true");
  });

  it("is a path with a name that no file can have", async () => {
    const name = "x".repeat(300);
    const words = /file name too long/;
    const refused = (answer: { status: number; body: string }, status = 400) => {
      assert.equal(answer.status, status, answer.body);
      assert.match(answer.body, words);
      assert.doesNotMatch(answer.body, /ENAMETOOLONG|\/proc\/self/);
    };
    for (const path of [name, `/${name}/b`]) {
      refused(await engine.api("GET", `/containers/made/archive?path=${path}`));
      refused(await engine.api("GET", `/containers/box/archive?path=${path}`));
      refused(await engine.api("PUT", `/containers/made/archive?path=${path}`));
      const head = await engine.api("HEAD", `/containers/made/archive?path=${path}`);
      assert.equal(head.status, 400);
    }
    const busybox = { Image: "busybox", Cmd: ["true"] };
    const bind = { Type: "bind", Source: `/${name}`, Target: "/a" };
    for (const body of [
      { WorkingDir: `/${name}` },
      { HostConfig: { Binds: [`/${name}:/a`] } },
      { HostConfig: { Mounts: [bind] } },
      { Volumes: { [`/${name}`]: {} } },
    ])
      refused(await engine.api("POST", "/containers/create", { ...busybox, ...body }));
    for (const [index, body] of [
      { HostConfig: { Binds: [`/tmp:/${name}`] } },
      { HostConfig: { Tmpfs: { [`/${name}`]: "" } } },
    ].entries()) {
      await create(`long-${index}`, { Cmd: ["true"], ...body });
      refused(await engine.api("POST", `/containers/long-${index}/start`));
      await berth("rm", "-v", `long-${index}`);
    }
    const exec = await engine.api("POST", "/containers/box/exec", { Cmd: ["true"], WorkingDir: `/${name}` });
    const started = await engine.api("POST", `/exec/${JSON.parse(exec.body).Id}/start`, {});
    assert.match(started.body, /[Ff]ile name too long/);
  });

  it("is an address that no network could give, all that is wrong with it at once", async () => {
    assert.equal((await engine.api("POST", "/networks/create", { Name: "plain" })).status, 201);
    const chosen = { Name: "chosen", IPAM: { Config: [{ Subnet: "10.93.7.0/24" }] } };
    assert.equal((await engine.api("POST", "/networks/create", chosen)).status, 201);
    const own = "user specified IP address is supported on user defined networks only";
    const subnets =
      "user specified IP address is supported only when connecting to networks with user configured subnets";
    const range = "no configured subnet or ip-range contain the IP address";
    const rows: [network: string, address: string, reasons: string[]][] = [
      ["default", "1.2.3.4", [own, `${range} 1.2.3.4`]],
      ["bridge", "abc", [own, "invalid IPv4 address: abc", `${range} abc`]],
      ["host", "1.1.1.1", [own, subnets]],
      ["container:box", "abc", [own, "invalid IPv4 address: abc"]],
      ["plain", "1.1.1.1", [subnets]],
      ["plain", "abc", ["invalid IPv4 address: abc", subnets]],
      ["chosen", "10.93.8.1", [`${range} 10.93.8.1`]],
      ["chosen", "::1", ["invalid IPv4 address: ::1", `${range} ::1`]],
      ["chosen", "0.0.0.0", ["invalid IPv4 address: 0.0.0.0", `${range} 0.0.0.0`]],
      ["later", "abc", ["invalid IPv4 address: abc"]],
    ];
    for (const [network, IPv4Address, reasons] of rows) {
      const listed = reasons.length === 1 ? reasons[0] : reasons.map((reason) => `* ${reason}`).join("\n");
      const name = network === "default" ? "bridge" : network;
      const EndpointsConfig = { [network]: { IPAMConfig: { IPv4Address } } };
      const request = {
        Image: "busybox",
        HostConfig: { NetworkMode: network },
        NetworkingConfig: { EndpointsConfig },
      };
      assert.deepEqual(await refuse("POST", "/containers/create", request), [
        400,
        `invalid config for network ${name}: invalid endpoint settings:\n${listed}`,
      ]);
    }
    for (const program of Object.values(both)) {
      const { code, stderr } = await program([
        "create",
        "--network",
        "container:box",
        "--ip",
        "1.1.1.1",
        "busybox",
      ]);
      assert.deepEqual([code, stderr.trim().endsWith(own)], [1, true], stderr);
    }
    const aliased = { EndpointsConfig: { bridge: { Aliases: ["x"] } } };
    assert.match(
      String(await refuse("POST", "/containers/create", { Image: "busybox", NetworkingConfig: aliased })),
      /endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks$/,
    );
    const several = { chosen: { IPAMConfig: { IPv4Address: "1.1.1.1" } }, plain: { MacAddress: "abc" } };
    assert.deepEqual(
      await refuse("POST", "/containers/create", {
        Image: "busybox",
        NetworkingConfig: { EndpointsConfig: several },
      }),
      [
        400,
        `* invalid config for network chosen: invalid endpoint settings:\n\t${range} 1.1.1.1\n` +
          "* invalid config for network plain: invalid MAC address abc",
      ],
    );
    await berth("create", "--name", "late", "--network", "later", "--ip", "1.1.1.1", "busybox");
    await engine.api("POST", "/networks/create", { Name: "later" });
    const [, message] = await refuse("POST", "/containers/late/start");
    assert.match(
      message,
      /^failed to set up container networking: invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets$/,
    );
    await berth("rm", "late");
    await berth("create", "--name", "fits", "--network", "chosen", "--ip", "10.93.7.9", "busybox", "true");
    await berth("start", "-a", "fits");
    await berth("rm", "fits");
    await berth("network", "rm", "plain", "chosen", "later");
    assert.equal(await berth("ps", "-a", "--format", "{{.Names}}"), "made\nbox");
  });

  it("is a signal that is none, before the container is looked for, and one that the kernel has not", async () => {
    const kill = (name: string, signal: string) =>
      refuse("POST", `/containers/${name}/kill?signal=${encodeURIComponent(signal)}`);
    assert.deepEqual(await kill("nosuch", "bogus"), [
      400,
      "cannot kill container: nosuch: invalid signal: bogus",
    ]);
    for (const signal of ["bogus", "0", "RTMIN+16", "9".repeat(20)])
      assert.deepEqual(await kill("box", signal), [
        400,
        `cannot kill container: box: invalid signal: ${signal}`,
      ]);
    for (const signal of ["99", "-1", "32"])
      assert.deepEqual(await kill("box", signal), [
        400,
        `cannot kill container: box: the linux daemon does not support signal ${signal}`,
      ]);
    assert.deepEqual(await refuse("POST", "/containers/box/stop?signal=bogus"), [
      400,
      "cannot stop container: box: invalid signal: bogus",
    ]);
    assert.deepEqual(await refuse("POST", "/containers/box/restart?signal=bogus"), [
      400,
      "Cannot restart container box: invalid signal: bogus",
    ]);
    assert.equal((await engine.api("POST", "/containers/made/stop?signal=bogus")).status, 304);
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "box"), "running");
  });

  it("is not a signal to stop with that cannot be sent: SIGKILL follows", async () => {
    assert.deepEqual(await refuse("POST", "/containers/create", { Image: "busybox", StopSignal: "0" }), [
      400,
      "invalid signal: 0",
    ]);
    await create("odd", { Cmd: ["sleep", "1000"], StopSignal: "99" });
    await berth("start", "odd");
    // It is given seconds, not the hour that it asks for.
    assert.equal((await engine.api("POST", "/containers/odd/stop?t=3600")).status, 204);
    assert.equal(await berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "odd"), "exited 137");
    await berth("rm", "odd");
  });

  it("is an exec's user that is not there, before there is an exec", async () => {
    const rows = {
      nosuch: "unable to find user nosuch: no matching entries in passwd file",
      "root:nosuch": "unable to find group nosuch: no matching entries in group file",
      "-1": "uids and gids must be in range 0-2147483647",
    };
    for (const [User, message] of Object.entries(rows)) {
      assert.deepEqual(await refuse("POST", "/containers/box/exec", { Cmd: ["id"], User }), [400, message]);
      for (const program of Object.values(both)) {
        const { code, stdout, stderr } = await program(["exec", "-u", User, "box", "id"]);
        assert.deepEqual([code, stdout, stderr.trim()], [1, "", `Error response from daemon: ${message}`]);
      }
    }
    assert.equal(await berth("inspect", "-f", "{{.ExecIDs}}", "box"), "[]");
  });

  it("is not an empty HOME, which is the user's own home, whoever asks", async () => {
    for (const program of Object.values(both)) {
      const home = ["busybox", "sh", "-c", "echo $HOME"];
      assert.equal((await program(["run", "--rm", "-e", "HOME=", ...home])).stdout, "/root\n");
      assert.equal((await program(["run", "--rm", "-e", "HOME=", "-u", "1234", ...home])).stdout, "/\n");
      assert.equal((await program(["exec", "-e", "HOME=", "box", ...home.slice(1)])).stdout, "/root\n");
    }
    await berth("commit", "-c", "ENV HOME=", "made", "homeless");
    assert.equal(await berth("run", "--rm", "homeless", "sh", "-c", "echo $HOME"), "/root");
    await berth("rmi", "homeless");
  });

  it("are limits that contradict each other: some at the update, some at the next start", async () => {
    const smaller =
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time";
    const rows: [made: object, asked: object, message: string | undefined][] = [
      [{}, { Memory: 8 << 20 }, smaller],
      [{ MemorySwap: -1 }, { Memory: 8 << 20 }, smaller],
      [{ MemorySwap: -1 }, { CpuShares: 512 }, undefined],
      [{ MemorySwap: -1 }, { RestartPolicy: { Name: "always" } }, undefined],
      [{ Memory: 10 << 20, MemorySwap: -1 }, { PidsLimit: 10 }, undefined],
      [{ Memory: 10 << 20 }, { Memory: 21 << 20 }, smaller],
      [{ Memory: 10 << 20 }, { Memory: 19 << 20 }, undefined],
      [{ Memory: 10 << 20 }, { MemorySwap: 30 << 20 }, undefined],
      [{}, { Memory: 8 << 20, MemorySwap: 9 << 20 }, undefined],
      [{ NanoCpus: 1e9 }, { CpuQuota: -1 }, undefined],
      [
        { NanoCpus: 1e9 },
        { CpuQuota: 5000 },
        "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
      ],
    ];
    for (const [HostConfig, asked, message] of rows) {
      const id = await create("limited", { HostConfig });
      const answer = await engine.api("POST", "/containers/limited/update", asked);
      const said = JSON.parse(answer.body).message;
      assert.deepEqual(
        [answer.status, said],
        message ? [409, `Cannot update container ${id}: ${message}`] : [200, undefined],
        JSON.stringify([HostConfig, asked]),
      );
      await berth("rm", "limited");
    }
    await create("limited", {});
    assert.equal(
      (await engine.api("POST", "/containers/limited/update", { MemorySwap: 8 << 20 })).status,
      200,
    );
    assert.deepEqual(await refuse("POST", "/containers/limited/start"), [
      400,
      "You should always set the Memory limit when using Memoryswap limit, see usage",
    ]);
    assert.equal((await engine.api("POST", "/containers/limited/update", { CpuShares: -1 })).status, 200);
    assert.match(
      String(await refuse("POST", "/containers/limited/start")),
      /invalid CPU shares \(-1\): value must/,
    );
    await berth("rm", "limited");
    assert.match(
      String(await refuse("POST", "/containers/box/update", { CpuShares: -1 })),
      /: the maximum allowed cpu-shares is 262144$/,
    );
    assert.equal((await hostConfigOf("box")).CpuShares, 0);
  });

  it("is to join the IPC namespace of a container that shares it with no other", async () => {
    for (const mode of ["private", "none"]) {
      const id = await create("donor", { Cmd: ["sleep", "1000"], HostConfig: { IpcMode: mode } });
      await berth("start", "donor");
      await create("joining", { Cmd: ["true"], HostConfig: { IpcMode: "container:donor" } });
      assert.deepEqual(await refuse("POST", "/containers/joining/start"), [
        400,
        `failed to join IPC namespace: container ${id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      ]);
      await berth("rm", "-f", "donor", "joining");
    }
    for (const mode of ["shareable", "host"]) {
      await berth("run", "-d", "--name", "donor", "--ipc", mode, "busybox", "sleep", "1000");
      await berth("run", "-d", "--name", "between", "--ipc", "container:donor", "busybox", "sleep", "1000");
      await berth("run", "--rm", "--ipc", "container:between", "busybox", "true");
      await berth("rm", "-f", "donor", "between");
    }
  });

  it("is to write where a container has its files for reading alone", async () => {
    const files = { ReadonlyRootfs: true, Binds: ["fixed:/fixed:ro"] };
    await create("fixed", { Cmd: ["sleep", "1000"], HostConfig: files });
    const rows = {
      "/": "container rootfs is marked read-only",
      "/fixed": "mounted volume is marked read-only",
    };
    for (let round = 0; round < 2; round++) {
      for (const [path, message] of Object.entries(rows))
        assert.deepEqual(await refuse("PUT", `/containers/fixed/archive?path=${path}`), [400, message]);
      await berth("start", "fixed");
    }
    await berth("rm", "-f", "fixed");
    await berth("volume", "rm", "fixed");
  });

  it("is a weight of block I/O out of range, where the kernel can weigh at all", async () => {
    const words =
      "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.";
    const body = { Image: "busybox", HostConfig: { BlkioWeight: 5 } };
    const created = await engine.api("POST", "/containers/create?name=weighed", body);
    const changed = await engine.api("POST", "/containers/made/update", { BlkioWeight: 5 });
    const answers = [created, changed].map(({ status, body }) => [status, JSON.parse(body)]);
    if (hasBlockWeight()) {
      const refusal = { message: "Range of blkio weight is from 10 to 1000" };
      assert.deepEqual(answers, [
        [400, refusal],
        [400, refusal],
      ]);
    } else {
      const warning = { Warnings: [words] };
      assert.deepEqual(answers, [
        [201, { Id: answers[0]?.[1].Id, ...warning }],
        [200, warning],
      ]);
      for (const name of ["weighed", "made"]) assert.equal((await hostConfigOf(name)).BlkioWeight, 0);
      await berth("start", "-a", "weighed");
      await berth("rm", "weighed");
    }
  });

  it("are names: blank, too short, and of images that are not here", async () => {
    assert.deepEqual(await refuse("DELETE", "/images/%20"), [400, "image name cannot be blank"]);
    for (const Name of ["-", "a"])
      assert.deepEqual(await refuse("POST", "/volumes/create", { Name }), [
        400,
        `create ${Name}: volume name is too short, names should be at least two alphanumeric characters`,
      ]);
    const digest = `sha256:${"0".repeat(64)}`;
    const rows = {
      nosuch: "No such image: nosuch",
      "123456789012": "No such image: 123456789012",
      "sha256:123456789012": "No such image: sha256:123456789012",
      "nosuch:1": "reference does not exist",
      [`nosuch@${digest}`]: "reference does not exist",
    };
    for (const [name, message] of Object.entries(rows))
      assert.deepEqual(await refuse("GET", `/images/get?names=${encodeURIComponent(name)}`), [404, message]);
    const wrongName =
      "Error when allocating new name: Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed";
    for (const name of ["a%20b", "%2Fa%20b"])
      assert.deepEqual(await refuse("POST", `/containers/box/rename?name=${name}`), [400, wrongName]);
    const id = await berth("inspect", "-f", "{{.Id}}", "box");
    for (const reference of ["box", id.slice(0, 12)])
      assert.deepEqual(await refuse("DELETE", `/containers/${reference}`), [
        409,
        `cannot remove container "${reference}": container is running: stop the container before removing or force remove`,
      ]);
  });

  it("are mounts that propagate in a way that is none, at no place, or from no container", async () => {
    const mount = { Type: "bind", Source: "/etc", Target: "/a", BindOptions: { Propagation: "abc" } };
    const rows: [hostConfig: object, message: string][] = [
      [{ Mounts: [mount] }, 'invalid mount config for type "bind": invalid propagation mode: abc'],
      [{ Tmpfs: { rel: "" } }, "invalid mount path: 'rel' mount path must be absolute"],
      [{ Tmpfs: { "": "" } }, "invalid mount path: '' mount path must be absolute"],
      [{ VolumesFrom: [""] }, "volumes-from specification cannot be an empty string"],
    ];
    for (const [HostConfig, message] of rows)
      assert.deepEqual(await refuse("POST", "/containers/create", { Image: "busybox", HostConfig }), [
        400,
        message,
      ]);
    for (const Propagation of ["rslave", "shared", ""]) {
      await create("mounts", { HostConfig: { Mounts: [{ ...mount, BindOptions: { Propagation } }] } });
      await berth("rm", "mounts");
    }
  });

  it("is not SELinux's label of what shares the host's processes or memory", async () => {
    const rows: [hostConfig: object, options: string[] | null][] = [
      [{}, null],
      [{ Privileged: true }, ["label=disable"]],
      [{ PidMode: "host", SecurityOpt: ["seccomp=unconfined"] }, ["seccomp=unconfined", "label=disable"]],
      [{ IpcMode: "host", SecurityOpt: ["label:disable"] }, ["label:disable"]],
    ];
    for (const [HostConfig, options] of rows) {
      await create("labels", { HostConfig });
      assert.deepEqual((await hostConfigOf("labels")).SecurityOpt, options);
      await berth("rm", "labels");
    }
  });

  it("is not a filter of events that nobody knows", async () => {
    const filters = encodeURIComponent(JSON.stringify({ nosuch: ["x"] }));
    assert.equal((await engine.api("GET", `/events?until=1&filters=${filters}`)).status, 200);
  });
});
