import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

type Body = Record<string, unknown>;

/** The options of a bridge network, by what follows their common beginning. */
const option = (name: string, value: string): Body => ({
  Options: { [`com.docker.network.${name}`]: value },
});
const pool = (...Config: Body[]): Body => ({ IPAM: { Config } });
const subnet = (Subnet: string, more: Body = {}) => pool({ Subnet, ...more });
const config = "invalid network config:\n";
const swarm =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
const operator =
  "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.";
const bool = 'strconv.ParseBool: parsing "maybe": invalid syntax';

/** What is asked of `POST /networks/create`, as network "n" unless it says otherwise, and how it is refused. */
const creations: [Body, number, string | RegExp][] = [
  [{ Name: "there" }, 409, "network with name there already exists"],
  [{ Name: "" }, 400, "invalid name: name is empty"],
  [{ Name: " \t" }, 400, "invalid name: name is empty"],
  ...["bridge", "host", "none", "default"].map((Name): [Body, number, string] => [
    { Name },
    403,
    `operation is not permitted on predefined ${Name} network `,
  ]),
  [{ Driver: "nosuch" }, 404, 'plugin "nosuch" not found'],
  [{ Driver: "__proto__" }, 404, 'plugin "__proto__" not found'],
  [{ IPAM: { Driver: "nosuch" } }, 404, 'plugin "nosuch" not found'],
  [{ Driver: "overlay" }, 403, swarm],
  [{ Scope: "swarm" }, 403, "cannot create a swarm scoped network when swarm is not active"],
  [{ Driver: "host" }, 403, 'only one instance of "host" network is allowed'],
  [{ Driver: "null" }, 403, 'only one instance of "null" network is allowed'],
  [{ Ingress: true }, 403, "Ingress network can only be global scope network"],
  [subnet("10.211.1.0/24"), 403, "invalid pool request: Pool overlaps with other one on this address space"],
  [
    subnet("10.211.0.0/16", { IPRange: "10.211.1.0/25" }),
    403,
    /^cannot create network [0-9a-f]{64} \(br-[0-9a-f]{12}\): conflicts with network [0-9a-f]{64} \(thatbridge\): networks have overlapping IPv4$/,
  ],
  [
    option("bridge.name", "thatbridge"),
    403,
    /^cannot create network [0-9a-f]{64} \(thatbridge\): conflicts with network [0-9a-f]{64} \(thatbridge\): networks have same bridge name$/,
  ],
  [option("bridge.name", "sixteencharacter"), 500, /numerical result out of range$/],
  [option("bridge.name", 'x" drop; "'), 400, 'invalid bridge name: x" drop; "'],
  [option("bridge.name", "lo"), 400, "invalid bridge name: lo"],
  [option("bridge.name", "anotherlink"), 500, "existing interface anotherlink is not a bridge"],
  [subnet("10.1.2.5/24"), 400, `${config}invalid subnet 10.1.2.5/24: it should be 10.1.2.0/24`],
  [subnet("bad"), 400, `${config}invalid subnet bad: invalid CIDR block notation`],
  [subnet(""), 400, `${config}invalid subnet : invalid CIDR block notation`],
  [subnet("10.1.2.0/33"), 400, `${config}invalid subnet 10.1.2.0/33: invalid CIDR block notation`],
  [
    subnet("10.1.2.0/24", { Gateway: "10.1.3.1" }),
    400,
    `${config}invalid gateway 10.1.3.1: parent subnet 10.1.2.0/24 doesn't contain this address`,
  ],
  [subnet("10.1.2.0/24", { Gateway: "x" }), 400, `${config}invalid gateway x: invalid address`],
  [
    subnet("10.1.2.0/24", { Gateway: "fd00::1" }),
    400,
    `${config}invalid gateway fd00::1: parent subnet is an IPv4 block`,
  ],
  [
    subnet("10.1.2.0/24", { IPRange: "10.1.0.0/16" }),
    400,
    `${config}invalid ip-range 10.1.0.0/16: CIDR block is bigger than its parent subnet 10.1.2.0/24`,
  ],
  [
    subnet("10.1.2.0/24", { IPRange: "10.1.9.0/25" }),
    400,
    `${config}invalid ip-range 10.1.9.0/25: parent subnet 10.1.2.0/24 doesn't contain ip-range`,
  ],
  [
    subnet("10.1.2.0/24", { IPRange: "10.1.2.3/25" }),
    400,
    `${config}invalid ip-range 10.1.2.3/25: it should be 10.1.2.0/25`,
  ],
  [
    subnet("10.1.2.0/24", { AuxiliaryAddresses: { h: "10.1.3.1" } }),
    400,
    `${config}invalid auxiliary address h: parent subnet 10.1.2.0/24 doesn't contain this address`,
  ],
  [
    subnet("10.1.2.0/24", { Gateway: "10.1.2.1", AuxiliaryAddresses: { h: "10.1.2.1" } }),
    500,
    "failed to allocate secondary ip address (h:10.1.2.1): Address already in use",
  ],
  [
    pool({ Subnet: "10.1.2.5/24" }, { Subnet: "bad" }),
    400,
    `${config}* invalid subnet 10.1.2.5/24: it should be 10.1.2.0/24\n* invalid subnet bad: invalid CIDR block notation`,
  ],
  [
    pool({ Subnet: "10.1.2.0/24" }, { Subnet: "10.1.3.0/24" }),
    403,
    "bridge driver doesn't support multiple subnets",
  ],
  [{ EnableIPv4: false }, 400, "IPv4 or IPv6 must be enabled"],
  [{ IPAM: { Driver: "null" } }, 400, "ipv4 pool is empty"],
  [
    option("bridge.enable_icc", "maybe"),
    400,
    `failed to parse com.docker.network.bridge.enable_icc value: maybe (${bool})`,
  ],
  [
    option("bridge.enable_ip_masquerade", "maybe"),
    400,
    `failed to parse com.docker.network.bridge.enable_ip_masquerade value: maybe (${bool})`,
  ],
  [
    option("bridge.inhibit_ipv4", "maybe"),
    400,
    `failed to parse com.docker.network.bridge.inhibit_ipv4 value: maybe (${bool})`,
  ],
  [
    option("driver.mtu", "abc"),
    400,
    'failed to parse com.docker.network.driver.mtu value: abc (strconv.Atoi: parsing "abc": invalid syntax)',
  ],
  [option("driver.mtu", "-1"), 400, "invalid MTU number: -1"],
  [option("driver.mtu", "10"), 400, "invalid MTU number: 10"],
  [
    option("bridge.gateway_mode_ipv4", "foo"),
    400,
    "failed to parse com.docker.network.bridge.gateway_mode_ipv4 value: foo (unknown gateway mode foo)",
  ],
  [
    option("bridge.gateway_mode_ipv4", "isolated"),
    500,
    "gateway mode 'isolated' can only be used for an internal network",
  ],
  [
    option("bridge.host_binding_ipv4", "foo"),
    400,
    "failed to parse com.docker.network.bridge.host_binding_ipv4 value: foo (nil ip)",
  ],
  [option("enable_ipv6", "x"), 400, 'driver-opt "com.docker.network.enable_ipv6" is not a valid bool'],
  [
    option("advertise_addr_nmsgs", "4"),
    500,
    "com.docker.network.advertise_addr_nmsgs must be in the range 0 to 3",
  ],
  [
    option("advertise_addr_ms", "99"),
    500,
    "com.docker.network.advertise_addr_ms must be in the range 100 to 2000",
  ],
  [
    option("advertise_addr_nmsgs", "x"),
    500,
    'value for option com.docker.network.advertise_addr_nmsgs "x" must be an integer',
  ],
  [{ ConfigOnly: true, Internal: true }, 403, operator],
  [{ ConfigOnly: true, Attachable: true }, 403, operator],
  [{ ConfigOnly: true, Scope: "local" }, 403, operator],
  [
    { ConfigOnly: true, ConfigFrom: { Network: "pattern" } },
    403,
    "a configuration network cannot depend on another configuration network",
  ],
  [{ ConfigFrom: { Network: "nosuch" } }, 404, 'configuration network "nosuch" does not exist'],
  [{ ConfigFrom: { Network: "there" } }, 404, 'configuration network "there" does not exist'],
  [
    { ConfigFrom: { Network: "pattern" }, Labels: { a: "b" } },
    403,
    "user specified configurations are not supported if the network depends on a configuration network",
  ],
  [
    { ConfigFrom: { Network: "pattern" }, ...option("driver.mtu", "1400") },
    403,
    "network driver options are not supported if the network depends on a configuration network",
  ],
];

describe("a network that is called as no member of an object should be", () => {
  const { berth } = useEngine();

  it("is shown like any other of a container that does not run", async () => {
    const id = await berth("network", "create", "__proto__");
    await berth("create", "--name", "odd", "--network", "__proto__", "busybox", "true");
    const networks = await berth("inspect", "-f", "{{json .NetworkSettings.Networks}}", "odd");
    assert.match(networks, new RegExp(`^\\{"__proto__":\\{.*"NetworkID":"${id}"`));
    assert.equal(await berth("ps", "-a", "--format", "{{.Networks}}"), "__proto__");
  });
});

describe("a network that cannot be", () => {
  const { engine, berth } = useEngine();

  async function answer(method: string, path: string, body?: unknown): Promise<[number, string]> {
    const { status, body: text } = await engine.api(method, path, body);
    return [status, text === "" ? "" : JSON.parse(text).message];
  }

  it("is refused with Docker's words and status, and nothing of it is made", async () => {
    execFileSync("ip", ["link", "add", "anotherlink", "type", "veth", "peer", "name", "anotherpeer"]);
    try {
      await berth(
        "network",
        "create",
        "--subnet",
        "10.211.0.0/16",
        "-o",
        "com.docker.network.bridge.name=thatbridge",
        "there",
      );
      await berth("network", "create", "--config-only", "--subnet", "10.212.0.0/24", "pattern");
      const before = await berth("network", "ls");
      const wrong: unknown[] = [];
      for (const [body, status, message] of creations) {
        const [code, text] = await answer("POST", "/networks/create", { Name: "n", ...body });
        const fits = typeof message === "string" ? text === message : message.test(text);
        if (code !== status || !fits) wrong.push({ body, code, text, status, message });
      }
      assert.deepEqual(wrong, []);
      assert.equal(await berth("network", "ls"), before);
    } finally {
      execFileSync("ip", ["link", "del", "anotherlink"]);
    }
  });

  it("is not found, or not told from others, in Docker's words", async () => {
    const { body } = await engine.api("GET", "/networks");
    const ids = (JSON.parse(body) as { Id: string }[]).map(({ Id }) => Id);
    // With more networks than there are first digits, two begin alike.
    const more = Array.from({ length: 13 }, (_, index) => `more${index}`);
    for (const name of more) ids.push(await berth("network", "create", name));
    const digit =
      [..."0123456789abcdef"].find((one) => ids.filter((id) => id.startsWith(one)).length > 1) ?? "";
    const count = ids.filter((id) => id.startsWith(digit)).length;
    const rows: [string, string, number, string, unknown?][] = [
      ["GET", "/networks/nosuch", 404, "network nosuch not found"],
      ["GET", "/networks/there?scope=swarm", 404, "network there not found"],
      [
        "GET",
        "/networks/there?verbose=abc",
        400,
        'invalid value for verbose: abc: strconv.ParseBool: parsing "abc": invalid syntax',
      ],
      ["DELETE", "/networks/nosuch", 404, "network nosuch not found"],
      ["DELETE", "/networks/bridge", 403, "bridge is a pre-defined network and cannot be removed"],
      [
        "GET",
        `/networks/${digit}`,
        400,
        `${count} matches found based on ID prefix: network ${digit} is ambiguous`,
      ],
      [
        "DELETE",
        `/networks/${digit}`,
        400,
        `network ${digit} is ambiguous (${count} matches found based on ID prefix)`,
      ],
    ];
    for (const [method, path, status, message, sent] of rows)
      assert.deepEqual(await answer(method, path, sent), [status, message], `${method} ${path}`);
    await berth("network", "rm", ...more);
  });

  it("is filtered by what is no filter, in Docker's words", async () => {
    const rows: [string, unknown, number, string][] = [
      ["", { foo: ["x"] }, 400, "invalid filter 'foo'"],
      ["", { dangling: ["true", "false"] }, 400, 'got more than one value for filter key "dangling"'],
      [
        "",
        { dangling: ["x"] },
        400,
        `invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`,
      ],
      ["", { type: ["x"] }, 500, "invalid filter: 'type'='x'"],
      ["/prune", { until: ["x"] }, 500, 'failed to parse value as time or duration: "x"'],
      ["/prune", { dangling: ["true"] }, 400, "invalid filter 'dangling'"],
    ];
    for (const [path, filters, status, message] of rows) {
      const url = `/networks${path}?filters=${encodeURIComponent(JSON.stringify(filters))}`;
      assert.deepEqual(await answer(path ? "POST" : "GET", url), [status, message], url);
    }
  });

  it("is pruned twice at once, which the second time is refused", async () => {
    // So many that the second request comes before the last is gone.
    for (const name of ["idle1", "idle2", "idle3", "idle4"]) await berth("network", "create", name);
    const answers = await Promise.all([1, 2].map(() => engine.api("POST", "/networks/prune")));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const refused = answers.find(({ status }) => status === 409);
    assert.equal(JSON.parse(refused?.body ?? "").message, "a prune operation is already running");
  });

  it("is joined or removed while it must not be, in Docker's words", async () => {
    await berth("network", "create", "--config-from", "pattern", "made");
    await berth("network", "create", "busy");
    await berth("run", "-d", "--name", "user", "--network", "busy", "busybox", "sleep", "1000");
    const [, endpoint] = /"EndpointID": "(\w{12})/.exec(await berth("network", "inspect", "busy")) ?? [];
    const rows: [string, string, number, string][] = [
      [
        "DELETE",
        "/networks/pattern",
        403,
        'error while removing network: configuration network "pattern" is in use',
      ],
      [
        "DELETE",
        "/networks/busy",
        403,
        `error while removing network: network busy has active endpoints (name:"user" id:"${endpoint}")`,
      ],
    ];
    for (const [method, path, status, message] of rows)
      assert.deepEqual(await answer(method, path), [status, message], path);
    await berth("create", "--name", "onpattern", "--network", "pattern", "busybox", "true");
    assert.deepEqual(await answer("POST", "/containers/onpattern/start"), [
      403,
      "failed to set up container networking: cannot create endpoint on configuration-only network",
    ]);
    await berth("rm", "-f", "user", "onpattern");
    await berth("network", "rm", "busy", "made", "pattern");
  });
});
