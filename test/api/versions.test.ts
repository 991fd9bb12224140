import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { routes } from "../../src/api/routes.ts";
import { findForeignSite, searchDomains } from "../../src/api/site.ts";
import { useEngine } from "../engine.ts";
import { operations } from "./specification.ts";

describe("a request of another version", () => {
  const { engine, berth } = useEngine();
  const get = async (path: string) => JSON.parse((await engine.api("GET", path)).body);

  it("is answered as that version was", async () => {
    await berth("run", "--name", "made", "-v", "/data", "busybox", "true");
    await berth("commit", "--change", "VOLUME /data", "made", "mine");
    const id = await berth("inspect", "-f", "{{.Id}}", "made");
    const old = await get("/v1.44/images/mine/json");
    assert.equal(old.Container, id);
    assert.deepEqual(Object.keys(old.ContainerConfig.Volumes), ["/data"]);
    assert.ok(!("VirtualSize" in old));
    const older = await get("/v1.43/images/mine/json");
    assert.equal(older.VirtualSize, older.Size);
    const newest = await get("/images/mine/json");
    for (const key of ["Container", "ContainerConfig", "VirtualSize"]) assert.ok(!(key in newest), key);
    for (const [path, list] of [
      ["/images/json", (body: object[]) => body],
      ["/system/df", (body: { Images: object[] }) => body.Images],
    ] as const) {
      const images = (version: string) => get(`${version}${path}`).then(list as never) as Promise<object[]>;
      for (const image of await images("/v1.43")) assert.ok("VirtualSize" in image, path);
      for (const image of await images("/v1.44")) assert.ok(!("VirtualSize" in image), path);
    }
    await berth("rm", "-v", "made");
    await berth("rmi", "mine");
  });

  it("is shown what its version shows of images, containers, networks and the engine", async () => {
    await berth("network", "create", "pn");
    await berth(
      "run",
      "-d",
      "--name",
      "one",
      "--net",
      "pn",
      "--annotation",
      "a=b",
      "busybox",
      "sleep",
      "100",
    );
    const ofVersion = async (minor: number) => {
      const all = ["/images/json", "/images/busybox/json", "/containers/json", "/containers/one/json"];
      const [listed, image, [row], one] = await Promise.all(all.map((path) => get(`/v1.${minor}${path}`)));
      const info = await get(`/v1.${minor}/info`);
      const networks: { Name: string; Containers: object }[] = await get(`/v1.${minor}/networks`);
      const isOurs = ({ RepoTags: tags }: { RepoTags: string[] }) => tags.includes("busybox:latest");
      const { Containers: connected = {} } = networks.find(({ Name }) => Name === "pn") ?? {};
      return {
        Containers: listed.find(isOurs).Containers,
        imageHostname: image.Config.Hostname,
        annotations: row.HostConfig.Annotations,
        aliases: one.NetworkSettings.Networks.pn.Aliases?.includes(one.Id.slice(0, 12)) ?? false,
        connected: Object.keys(connected).length,
        firewall: info.FirewallBackend?.Driver,
        hasBridgeFilters: "BridgeNfIptables" in info,
        hasArtifacts: "AllowNondistributableArtifactsCIDRs" in info.RegistryConfig,
        kernelMemory: info.KernelMemory,
        security: info.SecurityOptions.find((option: string) => /seccomp/.test(option)),
      };
    };
    const newest = {
      Containers: 1,
      imageHostname: undefined,
      annotations: { a: "b" },
      aliases: false,
      connected: 0,
      firewall: "nftables",
      hasBridgeFilters: false,
      hasArtifacts: false,
      kernelMemory: undefined,
      security: "name=seccomp,profile=builtin",
    };
    // What is different from one version down, as dockerd 28.5.2 has it.
    const steps: [minor: number, change: object][] = [
      [51, {}],
      [50, { Containers: -1 }],
      [49, { imageHostname: "", hasBridgeFilters: true }],
      [48, { firewall: undefined }],
      [46, { hasArtifacts: true }],
      [45, { annotations: undefined }],
      [44, { aliases: true }],
      [41, { kernelMemory: true }],
      [27, { connected: 1 }],
      [24, { security: "seccomp" }],
    ];
    let expected: object = newest;
    for (const [minor, change] of steps) {
      expected = { ...expected, ...change };
      assert.deepEqual(await ofVersion(minor), expected, `1.${minor}`);
    }
    await berth("rm", "-f", "one");
    await berth("network", "rm", "pn");
  });

  it("makes what its version made of a container", async () => {
    const mac = "02:42:ac:11:00:09";
    const other = "02:42:ac:11:00:0a";
    const endpoint = (settings: object) => ({ NetworkingConfig: { EndpointsConfig: { bridge: settings } } });
    const deprecated =
      "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.";
    // Each as dockerd 28.5.2 has it.
    const rows: [minor: number, body: object, shown: object, warnings?: string[]][] = [
      [43, { MacAddress: mac }, { mac: [mac, mac] }],
      [51, { MacAddress: mac }, { mac: [mac, mac] }, [deprecated]],
      [43, endpoint({ MacAddress: other }), { mac: [undefined, ""] }],
      [51, endpoint({ MacAddress: other }), { mac: [other, other] }],
      [43, { Healthcheck: { Test: ["CMD", "a"], StartInterval: 1e9 } }, { start: undefined }],
      [44, { Healthcheck: { Test: ["CMD", "a"], StartInterval: 1e9 } }, { start: 1e9 }],
      [39, {}, { ipc: "shareable" }],
      [40, {}, { ipc: "private" }],
      [24, { HostConfig: { AutoRemove: true } }, { autoRemove: false }],
      [25, { HostConfig: { AutoRemove: true } }, { autoRemove: true }],
      [
        41,
        { HostConfig: { ConsoleSize: [10, 20], Annotations: { a: "b" } } },
        { console: [0, 0], notes: undefined },
      ],
      [
        43,
        { HostConfig: { ConsoleSize: [10, 20], Annotations: { a: "b" } } },
        { console: [10, 20], notes: { a: "b" } },
      ],
      [47, endpoint({ GwPriority: 5 }), { priority: 0 }],
      [48, endpoint({ GwPriority: 5 }), { priority: 5 }],
      [
        23,
        { Memory: 64 << 20, Cpuset: "0", HostConfig: { CpuShares: 7 }, CpuShares: 9 },
        { limits: [64 << 20, "0", 7] },
      ],
      [24, { Memory: 64 << 20, Cpuset: "0" }, { limits: [0, "", 0] }],
    ];
    for (const [minor, body, shown, warnings = []] of rows) {
      const what = `1.${minor} ${JSON.stringify(body)}`;
      const request = { Image: "busybox", Cmd: ["true"], ...body };
      const made = await engine.api("POST", `/v1.${minor}/containers/create?name=made`, request);
      assert.equal(made.status, 201, `${what}: ${made.body}`);
      assert.deepEqual(JSON.parse(made.body).Warnings, warnings, what);
      const { Config, HostConfig, NetworkSettings } = await get("/containers/made/json");
      const { bridge } = NetworkSettings.Networks;
      const all = {
        mac: [Config.MacAddress, bridge.MacAddress],
        start: Config.Healthcheck?.StartInterval,
        ipc: HostConfig.IpcMode,
        autoRemove: HostConfig.AutoRemove,
        console: HostConfig.ConsoleSize,
        notes: HostConfig.Annotations,
        priority: bridge.GwPriority,
        limits: [HostConfig.Memory, HostConfig.CpusetCpus, HostConfig.CpuShares],
      };
      assert.deepEqual({ ...all, ...shown }, all, what);
      await berth("rm", "made");
    }
    const refusals: [minor: number, body: object, words: string][] = [
      [
        43,
        { NetworkingConfig: { EndpointsConfig: { bridge: {}, pn: {} } } },
        "Container cannot be created with multiple network endpoints: bridge, pn",
      ],
      [
        43,
        { MacAddress: mac, HostConfig: { NetworkMode: "host" } },
        "conflicting options: mac-address and the network mode",
      ],
      [
        51,
        { MacAddress: mac, ...endpoint({ MacAddress: other }) },
        "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
      ],
    ];
    for (const [minor, body, words] of refusals) {
      const request = { Image: "busybox", Cmd: ["true"], ...body };
      const { status, body: text } = await engine.api("POST", `/v1.${minor}/containers/create`, request);
      assert.deepEqual([status, JSON.parse(text).message], [400, words]);
    }
  });

  it("of before 1.24 is served as that one, and refused beyond", async () => {
    for (const version of ["1.12", "1.22", "1.23"])
      assert.equal((await engine.api("GET", `/v${version}/containers/json`)).status, 200, version);
    for (const version of ["1.11", "1.99", "2.0", "0.9"])
      assert.equal((await engine.api("GET", `/v${version}/containers/json`)).status, 400, version);
  });

  it("may ask what it may ask, and end the path of networks with a slash", async () => {
    for (const path of ["/anything", "/v1.40/containers/json", "/_ping"])
      assert.equal((await engine.api("OPTIONS", path)).status, 200, path);
    assert.equal((await get("/networks/")).length, (await get("/networks")).length);
    assert.equal((await engine.api("GET", "/volumes/")).status, 404);
  });

  it("for a platform that there is none of asks no registry", async () => {
    const words = '"foobar": unknown operating system or architecture: invalid argument';
    for (const [path, body] of [
      ["/images/create?fromImage=registry.invalid/x&tag=1&platform=foobar", undefined],
      ["/containers/create?platform=foobar", { Image: "busybox", Cmd: ["a"] }],
    ] as const) {
      const answer = await engine.api("POST", path, body);
      assert.deepEqual([answer.status, JSON.parse(answer.body).message], [400, words]);
    }
    const other = await engine.api("POST", "/containers/create?platform=linux/s390x", {
      Image: "busybox",
      Cmd: ["a"],
    });
    assert.equal(other.status, 404);
  });
});

describe("the table of operations", () => {
  const { engine } = useEngine();

  it("has each once", () => {
    const names = routes.map(([method, path]) => `${method} ${path}`);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it("has all of the specification's, and what cannot be done says so by name", async () => {
    for (const operation of operations) {
      const [method = "", pattern = ""] = operation.split(" ");
      // Events of the past end by themselves.
      const path = `${pattern.replace(/\{\w+\}/g, "nosuch")}?until=1`;
      const { status, body } = await engine.api(method, path);
      const isUnknown = status === 404 && /page not found/.test(body);
      assert.equal(isUnknown, pattern.includes("/checkpoints"), `${operation}: ${body}`);
      if (status === 501) assert.match(body, /not yet supported: |not supported"/, operation);
      assert.notEqual(status, 500, `${operation}: ${body}`);
      const [, family = ""] = pattern.split("/");
      if (["swarm", "nodes", "services", "tasks", "secrets", "configs"].includes(family))
        assert.match(`${status} ${body}`, /^503 .*This node is not a swarm manager\./, operation);
      if (family === "plugins" && pattern !== "/plugins")
        assert.match(`${status} ${body}`, /^501 .*plugins are not supported/, operation);
    }
  });
});

describe("a web page", () => {
  const foreign = (headers: Record<string, string>) =>
    findForeignSite(headers, ["docker.example.lan"]) !== undefined;

  it("of another site is refused, and nobody else", () => {
    const rows: [headers: Record<string, string>, isForeign: boolean][] = [
      [{}, false],
      [{ host: "127.0.0.1:2375" }, false],
      [{ host: "[::1]:2375" }, false],
      [{ host: "localhost:2375" }, false],
      [{ host: "dind:2375" }, false],
      [{ host: "docker.example.lan:2375" }, false],
      [{ host: "alias.example.com:2375" }, false],
      [{ host: "alias.example.com:2375", "user-agent": "Docker-Client/28.5.2 (linux)" }, false],
      [
        { host: "alias.example.com", accept: "text/html, image/gif, *; q=.2", "user-agent": "Java/21" },
        false,
      ],
      [{ host: "rebound.example.com:2375", origin: "http://rebound.example.com:2375" }, true],
      [{ host: "rebound.example.com:2375", "sec-fetch-mode": "cors" }, true],
      [{ host: "rebound.example.com:2375", referer: "http://rebound.example.com:2375/" }, true],
      [{ host: "rebound.example.com:2375", "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" }, true],
      [{ host: "127.0.0.1.example.com:2375", "accept-language": "" }, true],
      [{ host: "host.docker.internal:2375", "user-agent": "Mozilla/5.0" }, false],
      [{ host: "127.0.0.1:2375", origin: "http://127.0.0.1:2375" }, false],
      [{ host: "127.0.0.1:2375", origin: "http://example.com" }, true],
      [{ host: "127.0.0.1:2375", origin: "null" }, true],
      [{ host: "127.0.0.1:2375", "sec-fetch-site": "cross-site" }, true],
      [{ host: "127.0.0.1:2375", "sec-fetch-site": "same-origin" }, false],
    ];
    for (const [headers, isForeign] of rows)
      assert.equal(foreign(headers), isForeign, JSON.stringify(headers));
  });

  it("is this machine's under its host name and below the domains of its network, and below no other", () => {
    const domains = searchDomains(
      "nameserver 192.0.2.1\n search lan. Example.org\ndomain corp\n#search evil.example",
    );
    assert.deepEqual(domains, ["lan", "Example.org", "corp"]);
    const isForeign = (name: string, host: string) =>
      findForeignSite({ host, "accept-language": "en" }, [], () => ({ name, domains })) !== undefined;
    for (const host of [
      "ubuntu:2375",
      "ubuntu.local",
      "ubuntu.lan",
      "UBUNTU.example.org:2375",
      "ubuntu.corp",
    ])
      assert.equal(isForeign("Ubuntu", host), false, host);
    for (const host of [
      "ubuntu.evil.example:2375",
      "ubuntu.example.com",
      "ubuntu.lan.evil.example",
      "x.ubuntu.lan",
    ])
      assert.equal(isForeign("Ubuntu", host), true, host);
    assert.equal(isForeign("ubuntu.dc1.example", "ubuntu.dc1.example:2375"), false);
    assert.equal(isForeign("ubuntu.dc1.example", "ubuntu.dc2.example:2375"), true);
  });
});
