// A machine of the test's own: importing this moves the test process into a new network namespace, where it can do what
// it likes. The namespace goes when the process ends.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { createEvents, type EngineEvent } from "../../src/events/events.ts";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import { createNetworks, type Networks, type NetworksOptions } from "../../src/networks/networks.ts";
import type { SandboxRequest } from "../../src/networks/open-sandbox.ts";
import { defaultNetworksConfig } from "../../src/networks/settings.ts";
import { openState, type State } from "../../src/state/state.ts";
import { enterNewNetns } from "../../src/sys/netns.ts";

enterNewNetns();
execFileSync("ip", ["link", "set", "lo", "up"]);
// As on a fresh machine: a new namespace forwards IPv4 where the one before does.
writeFileSync("/proc/sys/net/ipv4/ip_forward", "0");

export function run(command: string): string {
  return execFileSync("sh", ["-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A process inside a network namespace that serves and asks there. */
export interface Agent {
  pid: number;
  serve(protocol: "tcp" | "udp", port: number, name: string): Promise<string>;
  /** What came back, or the error's code. */
  ask(protocol: "tcp" | "udp", host: string, port: number): Promise<string>;
  /** The same where "silence" is expected, so that it is not waited for so long. */
  askInVain(protocol: "tcp" | "udp", host: string, port: number): Promise<string>;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
}

const agents = new Set<ChildProcess>();
const roots = new Set<string>();

/** `netnsPath` absent: in the machine's own namespace; "new": in a new one. */
export async function startAgent(netnsPath?: string): Promise<Agent> {
  const script = new URL("./agent.ts", import.meta.url).pathname;
  const prefix =
    netnsPath === undefined
      ? []
      : netnsPath === "new"
        ? ["unshare", "--net"]
        : ["nsenter", `--net=${netnsPath}`];
  const [command = process.execPath, ...args] = [...prefix, process.execPath, script];
  const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  agents.add(child);
  const waiting = new Map<number, (text: string) => void>();
  let lastId = 0;
  const ready = new Promise<string>((resolve, reject) => {
    waiting.set(0, resolve);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the agent ended with ${code}`)));
  });
  child.on("message", ({ id, text }: { id: number; text: string }) => {
    waiting.get(id)?.(text);
    waiting.delete(id);
  });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  ended.then(() => agents.delete(child));
  function call(content: object): Promise<string> {
    return new Promise((resolve) => {
      const id = ++lastId;
      waiting.set(id, resolve);
      child.send({ id, ...content });
    });
  }
  await ready;
  return {
    pid: child.pid ?? 0,
    serve: (protocol, port, name) => call({ serve: protocol, port, name }),
    ask: (protocol, host, port) => call({ ask: protocol, host, port, waitMilliseconds: 5000 }),
    askInVain: (protocol, host, port) => call({ ask: protocol, host, port, waitMilliseconds: 250 }),
    stop() {
      child.disconnect();
      return ended;
    },
  };
}

export interface TestNetworks {
  networks: Networks;
  state: State;
  events: EngineEvent[];
  /**
   * Another one on the same state, as after a restart of the daemon. The first is left as a killed one would be.
   * @param meanwhile what happens while there is none
   */
  restart(options?: TestOptions, meanwhile?: () => void): Promise<Networks>;
  /** Takes everything of the machine again. */
  stop(): Promise<void>;
}

type TestOptions = Partial<NetworksConfigOf> &
  Partial<Omit<NetworksOptions, "settings">> & { bip4?: string | undefined };
type NetworksConfigOf = NetworksOptions["settings"];

/** "10.90.0.1/24" is the default bridge's address, unless another is given, or none. */
function settingsOf(options: TestOptions): NetworksConfigOf {
  const text = "bip4" in options ? options.bip4 : "10.90.0.1/24";
  const bip = { 4: text === undefined ? undefined : parseSubnet(text), 6: undefined };
  const given = Object.entries(options).filter(([key]) => Object.hasOwn(defaultNetworksConfig, key));
  return { ...defaultNetworksConfig, bip, ...Object.fromEntries(given) };
}

/** `statePath` is a file of another run. */
export async function startNetworks(options: TestOptions = {}, statePath?: string): Promise<TestNetworks> {
  const root = mkdtempSync(join(tmpdir(), "berth-networks-"));
  roots.add(root);
  const logger = createLogger("silent");
  const state = openState(statePath ?? join(root, "state.db"), logger);
  const log: EngineEvent[] = [];
  const events = createEvents();
  events.subscribe((event) => void log.push(event));
  const all: NetworksOptions = {
    state,
    events,
    logger,
    bridgeName: "berth-test0",
    engineId: "test",
    settings: settingsOf(options),
    tableName: "berth-test",
    hasDefaultBridgeNames: false,
    resolver: { isAble: () => true, tell: async () => {} },
    relay: { isAble: () => false, tell: async () => {} },
    ...options,
  };
  let current = await createNetworks(all);
  return {
    networks: current,
    state,
    events: log,
    async restart(changed, meanwhile) {
      await current.stop();
      meanwhile?.();
      current = await createNetworks({
        ...all,
        ...changed,
        settings: settingsOf({ ...options, ...changed }),
      });
      return current;
    },
    async stop() {
      await current.destroy();
      state.close();
      // A process that is no test ends without what comes after tests.
      rmSync(root, { recursive: true, force: true });
      roots.delete(root);
    },
  };
}

let containers = 0;

export function newRequest(changes: Partial<SandboxRequest> = {}): SandboxRequest {
  const number = ++containers;
  return {
    owner: { kind: "container", id: number.toString(16).padStart(64, "0") },
    ownerName: `test${number}`,
    mode: "bridge",
    endpoints: { [changes.mode ?? "bridge"]: {} },
    portBindings: {},
    exposedPorts: [],
    publishAll: false,
    hostname: "",
    nameServers: [],
    hasNdots: false,
    ...changes,
  };
}

// Also those of a test that failed: they would keep the process waiting.
after(() => {
  for (const child of agents) child.kill("SIGKILL");
  for (const root of roots) rmSync(root, { recursive: true });
});

/** A neighbour of the machine, with a default route to it. The machine is 198.51.100.1, the neighbour 198.51.100.2. */
export async function startOutside(): Promise<Agent> {
  const outside = await startAgent("new");
  run(
    [
      "ip link add out0 type veth peer name out1",
      `ip link set out1 netns ${outside.pid}`,
      "ip addr add 198.51.100.1/24 dev out0",
      "ip link set out0 up",
      `nsenter --net=/proc/${outside.pid}/ns/net sh -c 'ip link set lo up; ip addr add 198.51.100.2/24 dev out1; ip link set out1 up; ip route add default via 198.51.100.1'`,
    ].join(" && "),
  );
  return outside;
}

/** The published ports the kernel has, as nft shows them: "tcp . 80 : 10.90.0.2 . 80", sorted. */
export function listElements(tableName = "berth-test"): string[] {
  const { nftables } = JSON.parse(run(`nft -j list table inet ${tableName}`)) as { nftables: object[] };
  const maps = nftables.flatMap((item) => ("map" in item ? [item.map as PublishedMap] : []));
  const elements = maps.flatMap(({ name, elem }) => (name.startsWith("published") ? (elem ?? []) : []));
  return elements.map(([key, value]) => `${key.concat.join(" . ")} : ${value.concat.join(" . ")}`).sort();
}

interface PublishedMap {
  name: string;
  elem?: [Concat, Concat][];
}

interface Concat {
  concat: (string | number)[];
}
