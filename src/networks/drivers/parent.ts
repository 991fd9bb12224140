import { internal, messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { SublinkKind } from "../../sys/sublink-message.ts";
import { isLinkName, networkOption, parseMtu } from "../bridge-options.ts";
import type { NetworkDriver, NetworkPlan, NetworkWish, Surroundings } from "../driver.ts";
import { linkLocalsOf, wayOut } from "../endpoint.ts";
import { readInterfaceSysctls } from "../endpoint-options.ts";
import type { Kernel } from "../kernel.ts";
import { parentMark, parentMarks } from "../marks.ts";
import type { NetworkRecord, Uplink } from "../records.ts";
import { checkFamilies, planPools } from "./plan-pools.ts";

export interface ParentDriverOptions {
  kernel: Kernel;
  logger: Logger;
  /** All networks that there are. */
  networks(): readonly NetworkRecord[];
  /** The links that it makes bear it. */
  tableName: string;
}

/** In what the drivers differ whose networks are parts of a link of the machine. */
export interface ParentRules {
  kind: SublinkKind;
  /** Of the names of links that stand for a parent where the user names none. */
  prefix: string;
  /** @throws internal in Docker's words */
  readMode(options: Readonly<Record<string, string>>): Pick<Uplink, "mode" | "flag">;
  /** @param others networks of this driver with the same parent @throws internal in Docker's words */
  checkSharing(uplink: Uplink, others: readonly NetworkRecord[]): void;
  /** Its containers know their network's gateway. */
  hasGateway(uplink: Uplink): boolean;
  whyNoMac: string | undefined;
}

/** Interfaces that are parts of a link of the machine: containers are neighbours of the machines there, without a bridge or NAT. */
export function createParentDriver(options: ParentDriverOptions, rules: ParentRules): NetworkDriver {
  const { kernel, logger, networks, tableName } = options;
  const { kind } = rules;
  const alias = parentMark(tableName, kind);
  const marks = parentMarks(tableName);

  async function ensure({ uplink }: NetworkRecord): Promise<void> {
    if (!uplink?.made) return;
    const { parent: name, made } = uplink;
    await kernel.ensureParent({ name, alias, marks, vlan: made === "vlan" ? splitVlan(name) : undefined });
  }

  return {
    plan: (wish, surroundings) => planParent(wish, surroundings, rules),
    async setUp(network) {
      await kernel.requireKind(kind);
      await ensure(network);
    },
    async tearDown({ uplink }) {
      const isShared = networks().some((other) => other.uplink?.parent === uplink?.parent);
      if (uplink?.made && !isShared) await kernel.removeOwnLink({ name: uplink.parent, marks });
    },
    async restore(known) {
      for (const network of known)
        await ensure(network).catch((error: unknown) =>
          logger.warn({ network: network.name, reason: messageOf(error) }, "a parent link cannot be made"),
        );
      const wanted = new Set(networks().map(({ uplink }) => uplink?.parent));
      for (const { name, alias: mark } of await kernel.listLinks())
        if (marks.includes(mark) && !wanted.has(name)) await kernel.removeLink(name);
    },
    ready: async () => {},
    interfaceOf(endpoint, isGateway) {
      const { network, interfaceName: name, macAddress } = endpoint;
      const { uplink } = network;
      if (!uplink || endpoint.addresses.length === 0) return undefined;
      const { parent, mode, flag, mtu } = uplink;
      const gateways = ([4, 6] as const).flatMap((family) =>
        isGateway[family] ? (wayOut(endpoint, family) ?? []) : [],
      );
      const addresses = [...endpoint.addresses, ...linkLocalsOf(endpoint)];
      const sysctls = readInterfaceSysctls(endpoint.settings);
      const attachment = { kind, parent, mode, flag };
      return { name, mtu, macAddress, addresses, gateways, sysctls, attachment };
    },
    whyAlone: undefined,
    whyNoMac: rules.whyNoMac,
  };
}

/** @throws EngineError in Docker's words */
function planParent(wish: NetworkWish, surroundings: Surroundings, rules: ParentRules): NetworkPlan {
  checkFamilies(wish);
  const uplink = planUplink(wish, surroundings, rules);
  const { parent, made } = uplink;
  const others = surroundings.networks.filter(
    (one) => one.driver === rules.kind && one.uplink?.parent === parent,
  );
  rules.checkSharing(uplink, others);
  const isInternal = wish.isInternal || made === "detached";
  const hasGateway = () => !isInternal && rules.hasGateway(uplink);
  return { ...planPools(wish, surroundings, { hasGateway }), uplink, isInternal };
}

function planUplink(
  { id, options }: NetworkWish,
  { links, networks }: Surroundings,
  rules: ParentRules,
): Uplink {
  const { kind, prefix } = rules;
  const mtu = parseMtu(options[networkOption.mtu] ?? "0");
  const { mode, flag } = rules.readMode(options);
  const parent = options.parent ?? "";
  const rest = { mode, flag, mtu };
  if (parent === "lo") throw internal(`loopback interface is not a valid ${kind} parent link`);
  if (parent === "") return { ...rest, parent: `${prefix}-${id.slice(0, 12)}`, made: "detached" };
  const same = networks.find(({ uplink }) => uplink?.parent === parent);
  if (same?.uplink) return { ...rest, parent, made: same.uplink.made };
  if (links.some(({ name }) => name === parent)) return { ...rest, parent, made: "" };
  checkVlan(parent, new Set(links.map(({ name }) => name)));
  return { ...rest, parent, made: "vlan" };
}

function splitVlan(name: string): { parent: string; id: number } {
  const [parent = "", id] = name.split(".");
  return { parent, id: Number(id) };
}

/** @throws internal in Docker's words for the name of a link that is not there and cannot be made */
function checkVlan(name: string, links: ReadonlySet<string>): void {
  const [parent = "", id = "", ...rest] = name.split(".");
  if (!name.includes("."))
    throw internal(`invalid subinterface vlan name ${name}, example formatting is eth0.10`);
  if (rest.length > 0)
    throw internal(
      `required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${name}`,
    );
  if (!/^[+-]?\d{1,9}$/.test(id))
    throw internal(`unable to parse a valid vlan id from: ${id} (ex. eth0.10 for vlan 10)`);
  if (!links.has(parent)) throw internal(`-o parent interface was not found on the host: ${parent}`);
  const number = Number(id);
  if (number < 1 || number > 4094) throw internal(`vlan id must be between 1-4094, received: ${number}`);
  if (!isLinkName(name)) throw internal(`failed to create ${name} vlan link: numerical result out of range`);
}
