import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("what a request says", () => {
  const { engine, berth } = useEngine();
  const inspect = async (id: string) => JSON.parse((await engine.api("GET", `/containers/${id}/json`)).body);
  const message = (body: string): string => JSON.parse(body).message;

  async function create(body: object): Promise<string> {
    const answer = await engine.api("POST", "/containers/create", {
      Image: "busybox",
      Cmd: ["true"],
      ...body,
    });
    assert.equal(answer.status, 201, answer.body);
    return JSON.parse(answer.body).Id;
  }

  it("is understood in any case, at every depth", async () => {
    const volume = await engine.api("POST", "/volumes/create", {
      name: "vv",
      labels: { A: "b" },
      DRIVEROPTS: null,
    });
    assert.deepEqual(JSON.parse(volume.body).Labels, { A: "b" }, volume.body);
    assert.equal(JSON.parse(volume.body).Name, "vv");
    const id = await create({
      hostConfig: {
        portbindings: { "80/tcp": [{ hostPort: "18080" }] },
        RestartPolicy: { name: "always" },
        binds: ["vv:/data"],
      },
    });
    const { HostConfig, Mounts } = await inspect(id);
    assert.deepEqual(HostConfig.PortBindings, { "80/tcp": [{ HostIp: "", HostPort: "18080" }] });
    assert.equal(HostConfig.RestartPolicy.Name, "always");
    assert.equal(Mounts[0].Name, "vv");
    await berth("rm", id);
    await berth("volume", "rm", "vv");
  });

  it("is refused by its leaves, before anything is stored", async () => {
    const rows: [path: string, body: string | object, words: RegExp][] = [
      ["/containers/create", "", /^invalid JSON: got EOF while reading request body$/],
      ["/containers/create", "{", /^invalid JSON: unexpected EOF$/],
      ["/containers/create", "x", /^invalid JSON: invalid character 'x' looking for beginning of value$/],
      [
        "/containers/create",
        "{a}",
        /^invalid JSON: invalid character 'a' looking for beginning of object key string$/,
      ],
      ["/containers/create", '{"Image":"busybox"}{', /^unexpected content after JSON$/],
      ["/containers/create", "[".repeat(100_000), /^invalid JSON: too many values, or nested too deep$/],
      [
        "/containers/create",
        { Image: "busybox", Cmd: [{ a: 1 }] },
        /cannot unmarshal array into Go value of type string$/,
      ],
      [
        "/containers/create",
        { Image: "busybox", Labels: { a: 5 } },
        /Go struct field \.Labels\.a of type string$/,
      ],
      ["/containers/create", { Image: "" }, /^no command specified$/],
      ["/containers/create", { HostConfig: {} }, /^config cannot be empty in order to create a container$/],
      ["/volumes/create", { Labels: { a: 5 } }, /Go struct field CreateOptions\.Labels\.a of type string$/],
      [
        "/networks/create",
        { Name: "n", IPAM: { Config: [{ Subnet: 5 }] } },
        /CreateRequest\.IPAM\.Config\.0\.Subnet of type string$/,
      ],
      ["/containers/nosuch/update", "{", /^invalid JSON: unexpected EOF$/],
      ["/containers/nosuch/exec", [], /Go value of type container\.ExecOptions$/],
      ["/exec/nosuch/start", { Detach: 1 }, /Go struct field ExecStartOptions\.Detach of type bool$/],
      ["/commit?container=nosuch", { Env: 5 }, /Go struct field \.Env of type \[\]string$/],
      ["/auth", { username: 5 }, /AuthConfig\.username of type string$/],
    ];
    for (const [path, body, words] of rows) {
      const answer = await engine.api("POST", path, body);
      assert.equal(answer.status, 400, `${path} ${JSON.stringify(body).slice(0, 100)}: ${answer.body}`);
      assert.match(message(answer.body), words);
    }
    assert.equal(await berth("ps", "-aq"), "");
    assert.equal(await berth("volume", "ls", "-q"), "");
  });

  it("is held to limits, so that a body costs no more than itself", async () => {
    const labels = Object.fromEntries(Array.from({ length: 5001 }, (_, n) => [`label${n}`, ""]));
    const many = await engine.api("POST", "/containers/create", { Image: "busybox", Labels: labels });
    assert.match(message(many.body), /\.Labels has more than 5000 entries$/);
    const sets = { CpusetCpus: "0-9999,".repeat(500_000) };
    const wide = await engine.api("POST", "/containers/create", { Image: "busybox", HostConfig: sets });
    assert.match(message(wide.body), /CpusetCpus is longer than 4096 characters$/);
    const long = await engine.api("POST", "/volumes/create", `{"Name":"${"x".repeat(5 << 20)}"}`);
    assert.equal(long.status, 400);
    assert.match(message(long.body), /body is too large/);
  });

  it("changes only what it names in an update", async () => {
    const id = await create({
      HostConfig: { RestartPolicy: { Name: "always" }, PidsLimit: 100 },
      Cmd: ["sleep", "1000"],
    });
    await berth("start", id);
    const update = (body: object) => engine.api("POST", `/containers/${id}/update`, body);
    assert.equal(
      (await update({ CpuShares: 512, RestartPolicy: { Name: "", MaximumRetryCount: 0 } })).status,
      200,
    );
    let { HostConfig } = await inspect(id);
    assert.deepEqual([HostConfig.RestartPolicy.Name, HostConfig.CpuShares], ["always", 512]);
    for (const PidsLimit of [0, -1, -2]) {
      assert.equal((await update({ PidsLimit: 50 })).status, 200);
      assert.equal(await berth("exec", id, "cat", "/sys/fs/cgroup/pids/pids.max").catch(() => "50"), "50");
      assert.equal((await update({ PidsLimit })).status, 200);
      assert.equal((await inspect(id)).HostConfig.PidsLimit, 0);
      const limit = await berth("exec", id, "cat", "/sys/fs/cgroup/pids/pids.max").catch(() => "max");
      assert.match(limit, /^(max|\d{6,})$/);
    }
    assert.equal((await update({ CpuQuota: 50_000 })).status, 200);
    const lifted = await update({ CpuQuota: -1 });
    assert.equal(lifted.status, 200, lifted.body);
    ({ HostConfig } = await inspect(id));
    assert.equal(HostConfig.CpuQuota, -1);
    await berth("rm", "-f", id);
    const limited = await create({ HostConfig: { NanoCpus: 1e9 } });
    for (const [body, words] of [
      [{ CpuQuota: 5000 }, "CPU Quota cannot be updated as NanoCPUs has already been set"],
      [{ CpuPeriod: 5000 }, "CPU Period cannot be updated as NanoCPUs has already been set"],
    ] as const) {
      const refused = await engine.api("POST", `/containers/${limited}/update`, body);
      assert.equal(refused.status, 409);
      assert.equal(
        message(refused.body),
        `Cannot update container ${limited}: Conflicting options: ${words}`,
      );
    }
    await berth("rm", limited);
  });

  it("leaves to a commit what the container had where it says nothing", async () => {
    const id = await create({ Env: ["A=b"], Cmd: ["sleep", "1000"] });
    const commit = async (query: string, body?: object) => {
      const answer = await engine.api("POST", `/commit?container=${id}&repo=made${query}`, body);
      assert.equal(answer.status, 201, answer.body);
      return JSON.parse((await engine.api("GET", "/images/made/json")).body).Config;
    };
    const same = await commit("", { Cmd: null, Entrypoint: null, Env: null, Labels: { a: "b" } });
    assert.deepEqual([same.Cmd, same.Env, same.Labels], [["sleep", "1000"], ["A=b"], { a: "b" }]);
    const entered = await commit(`&changes=${encodeURIComponent('ENTRYPOINT ["x"]')}`);
    assert.deepEqual([entered.Cmd, entered.Entrypoint], [null, ["x"]]);
    await berth("start", id);
    const since = String(Date.now() / 1000);
    await commit("");
    const until = String(Date.now() / 1000);
    const format = "{{.Action}} {{.Actor.Attributes.imageRef}}";
    const events = await berth(
      "events",
      "--since",
      since,
      "--until",
      until,
      "--format",
      format,
      "--filter",
      `container=${id}`,
    );
    assert.deepEqual(
      events.split("\n").map((line) => line.replace("<no value>", "").trim()),
      ["pause", "commit made:latest", "unpause"],
    );
    await berth("rm", "-f", id);
    await berth("rmi", "-f", "made");
  });

  it("wins with its mount over ours at the same place, and below a read-only root nothing is writable", async () => {
    const run = (...words: string[]) => berth("run", "--rm", ...words);
    const folder = engine.folder;
    assert.match(
      await run("-v", `${folder}:/dev/shm:ro`, "busybox", "grep", " /dev/shm ", "/proc/mounts"),
      / ro[, ]/,
    );
    assert.match(
      await run("--tmpfs", "/dev/shm:size=1m", "busybox", "grep", " /dev/shm ", "/proc/mounts"),
      /size=1024k/,
    );
    assert.match(
      await run("-v", `${folder}:/dev/shm/below`, "busybox", "ls", "/dev/shm/below"),
      /daemon.log/,
    );
    for (const name of ["hosts", "resolv.conf", "hostname"]) {
      const tried = await engine.berth([
        "run",
        "--rm",
        "--read-only",
        "busybox",
        "sh",
        "-c",
        `echo x >>/etc/${name}`,
      ]);
      assert.match(tried.stderr, /Read-only file system/, name);
    }
    await berth("create", "--name", "parent", "-v", "shared:/s:ro", "busybox");
    const tried = await engine.berth([
      "run",
      "--rm",
      "--volumes-from",
      "parent:rw",
      "busybox",
      "touch",
      "/s/x",
    ]);
    assert.match(tried.stderr, /Read-only file system/);
    await berth("rm", "parent");
    await berth("volume", "rm", "shared");
  });

  it("is refused where it can mean nothing, in Docker's words", async () => {
    const rows: [hostConfig: object, words: string | RegExp, config?: object][] = [
      [{ PortBindings: { "80/tcp": [{ HostPort: "aa80" }] } }, 'invalid port specification: "aa80"'],
      [{ PortBindings: { "19039;1230": [{ HostPort: "80" }] } }, 'invalid port specification: "19039;1230"'],
      [{ PortBindings: { "80/tcp": [{ HostPort: "80-" }] } }, 'invalid port specification: "80-"'],
      [{ PortBindings: { "80/tcp": [{ HostPort: "70000" }] } }, 'invalid port specification: "70000"'],
      [{ PortBindings: { "80/tcp": [{ HostPort: "90-80" }] } }, 'invalid port specification: "90-80"'],
      [{ ShmSize: -1 }, "SHM size can not be less than 0"],
      [{ MemoryReservation: 1024 }, "Minimum memory reservation allowed is 6MB"],
      [{ CpuShares: -5 }, "invalid CPU shares (-5): value must be a positive integer"],
      [{ NanoCpus: 1e9, CpuQuota: 5000 }, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
      [{ MemorySwappiness: 101 }, "Invalid value: 101, valid memory swappiness range is 0-100"],
      [{ Devices: [{ PathOnHost: "/dev/null", PathInContainer: "rel" }] }, "rel is not an absolute path"],
      [{ NetworkMode: "container" }, "invalid network mode: invalid container format container:<name|id>"],
      [{ NetworkMode: "container:" }, "invalid network mode: invalid container format container:<name|id>"],
      [
        { NetworkMode: "container:x" },
        /^conflicting options: port exposing and the container type network mode$/,
        { ExposedPorts: { "80/tcp": {} } },
      ],
      [{ NetworkMode: "container:self" }, "cannot join own network namespace"],
      [
        { LogConfig: { Type: "nosuch" } },
        'error looking up logging plugin nosuch: plugin "nosuch" not found',
      ],
      [{ LogConfig: { Config: { "max-size": "0" } } }, /max-size must be a positive number$/],
      [{ LogConfig: { Config: { "max-size": "-1" } } }, /invalid size: '-1'$/],
      [{ LogConfig: { Config: { "max-file": "0" } } }, /max-file cannot be less than 1$/],
      [{ LogConfig: { Config: { "max-file": "abc" } } }, /strconv\.Atoi: parsing "abc": invalid syntax$/],
      [{ ExtraHosts: ["a"] }, 'bad format for add-host: "a"'],
      [{ ExtraHosts: ["a:b"] }, 'invalid IP address in add-host: "b"'],
      [{ Annotations: { "": "x" } }, /^invalid Annotations: the empty string/],
      [{ CgroupnsMode: "x" }, "invalid cgroup namespace mode: x"],
      [{ Isolation: "x" }, "invalid isolation (x): linux only supports 'default'"],
      [{}, "invalid config for network bridge: invalid MAC address aa", { MacAddress: "aa" }],
      [{}, "Interval in Healthcheck cannot be less than 1ms", { Healthcheck: { Interval: 5 } }],
      [{}, "Retries in Healthcheck cannot be negative", { Healthcheck: { Retries: -1 } }],
      [{}, "the working directory 'rel' is invalid, it needs to be an absolute path", { WorkingDir: "rel" }],
      [{}, /it holds a NUL byte$/, { Env: ["A=\0b"] }],
    ];
    for (const [HostConfig, words, config] of rows) {
      const body = { Image: "busybox", Cmd: ["true"], ...config, HostConfig };
      const answer = await engine.api("POST", "/containers/create?name=self", body);
      const what = JSON.stringify(HostConfig);
      assert.equal(answer.status, 400, `${what}: ${answer.body}`);
      if (typeof words === "string") assert.equal(message(answer.body), words, what);
      else assert.match(message(answer.body), words, what);
    }
    assert.equal(await berth("ps", "-aq"), "");
  });

  it("may stand in a form, which counts before the address", async () => {
    const post = (path: string, body: string, type = "application/x-www-form-urlencoded") =>
      new Promise<[status: number | undefined, message: string]>((resolve, reject) => {
        const [, socketPath = ""] = engine.host.split("://");
        const headers = { "Content-Type": type };
        const call = request({ socketPath, method: "POST", path, headers, agent: false }, (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
          answer.on("end", () => resolve([answer.statusCode, text && message(text)]));
        });
        call.on("error", reject).end(body);
      });
    await berth(
      "run",
      "-d",
      "--name",
      "deaf",
      "busybox",
      "sh",
      "-c",
      "trap 'echo hup' HUP; while :; do sleep 0.1; done",
    );
    for (const path of ["/containers/deaf/kill", "/containers/deaf/kill?signal=KILL"])
      assert.deepEqual(await post(path, "signal=HUP"), [204, ""]);
    assert.deepEqual(
      await post(
        "/containers/deaf/kill?signal=HUP",
        "signal=NOSUCH",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
      ),
      [400, "cannot kill container: deaf: invalid signal: NOSUCH"],
    );
    assert.equal((await inspect("deaf")).State.Running, true);
    assert.deepEqual(await post("/containers/deaf/kill?signal=HUP", "signal=NOSUCH", "text/plain"), [
      204,
      "",
    ]);
    assert.deepEqual(await post("/containers/deaf/rename", "name=renamed"), [204, ""]);
    assert.deepEqual(await post("/images/busybox/tag", "repo=form&tag=1"), [201, ""]);
    const long = await post("/containers/renamed/kill?signal=HUP", `signal=${"a".repeat(2 << 20)}`);
    assert.deepEqual(long, [400, "http: POST too large"]);
    const [status, refused] = await post("/volumes/create", "Name=form");
    assert.deepEqual(
      [status, refused],
      [
        400,
        "unsupported Content-Type header (application/x-www-form-urlencoded): must be 'application/json'",
      ],
    );
    await berth("rmi", "form:1");
    await berth("rm", "-f", "renamed");
  });

  it("is not taken from a page of another site", async () => {
    const post = (headers: Record<string, string>) =>
      new Promise<number>((resolve) => {
        const options = {
          socketPath: `${engine.execRoot}/berth.sock`,
          method: "POST",
          path: "/volumes/create",
          headers,
        };
        request(options, (response) => resolve(response.resume().statusCode ?? 0)).end('{"Name":"page"}');
      });
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "",
    ])
      assert.equal(await post(type ? { "Content-Type": type } : {}), 400, type);
    assert.equal(await berth("volume", "ls", "-q"), "");
    assert.equal(await post({ "Content-Type": "application/json; charset=utf-8" }), 201);
    await berth("volume", "rm", "page");
  });
});

describe("what a command line asks for", () => {
  const { engine } = useEngine();

  it("is refused where it can mean nothing", async () => {
    const rows: [words: string[], text: string][] = [
      [
        ["run", "--rm", "--device", "/etc", "busybox", "true"],
        'adding custom device "/etc": not a device node',
      ],
      [["run", "--rm", "--device", "/etc/passwd", "busybox", "true"], '"/etc/passwd": not a device node'],
      [["rmi", " "], "image name cannot be blank"],
      [["network", "ls", "-f", "dangling=x"], "invalid value for filter 'dangling', must be"],
      [["network", "create", "bridge"], "operation is not permitted on predefined bridge network"],
      [["ps", "-f", "status=rubbish"], "invalid filter 'status=rubbish': invalid value for state (rubbish)"],
    ];
    for (const [words, text] of rows) {
      const { stderr, code } = await engine.berth(words);
      assert.ok(code > 0 && stderr.includes(text), `${words.join(" ")}: ${stderr}`);
    }
    const start = await engine.api("POST", "/containers/nosuch/start", { HostConfig: {} });
    assert.equal(start.status, 404, "a body of a start is passed over");
  });
});

describe("the environment of a process", () => {
  const { engine, berth } = useEngine();

  it("has a HOME of the user's, or one that is set to something", async () => {
    const home = (...flags: string[]) => berth("run", "--rm", ...flags, "busybox", "sh", "-c", "echo $HOME");
    assert.equal(await home(), "/root");
    assert.equal(await home("-u", "55"), "/");
    assert.equal(await home("-e", "HOME="), "/root");
    assert.equal(await home("-e", "HOME=/x"), "/x");
    const id = await berth("run", "-d", "-u", "55", "busybox", "sleep", "1000");
    assert.equal(await berth("exec", id, "sh", "-c", "echo $HOME"), "/");
    assert.equal(await berth("exec", "-u", "root", id, "sh", "-c", "echo $HOME"), "/root");
    await berth("rm", "-f", id);
    assert.equal((await engine.berth(["ps", "-aq"])).stdout, "");
  });
});

describe("a working directory", () => {
  const { engine, berth } = useEngine();

  it("is there from the creation on, with its parents as they were", async () => {
    const id = await berth(
      "create",
      "-w",
      "/home/foo/bar",
      "busybox",
      "sh",
      "-c",
      "pwd; ls; stat -c %a /etc",
    );
    const folder = `${engine.folder}/copied`;
    writeFileSync(folder, "content");
    await berth("cp", folder, `${id}:/home/foo/bar`);
    assert.equal(await berth("start", "-a", id), "/home/foo/bar\ncopied\n755");
    await berth("rm", id);
    for (const path of ["/bin/busybox", "/bin/busybox/below"]) {
      const refused = await engine.berth(["create", "-w", path, "busybox"]);
      assert.match(refused.stderr, new RegExp(`Cannot mkdir: ${path} is not a directory`));
    }
    assert.equal(await berth("ps", "-aq"), "");
    assert.equal(await berth("diff", await berth("create", "--name", "same", "-w", "/etc", "busybox")), "");
    await berth("rm", "same");
  });
});
