import { type EngineError, forbidden, invalid, notFound } from "../errors.ts";
import type { NetworkCreateRequest } from "../formats/docker-api/docker-api.ts";
import { parseGoBool } from "../formats/go-bool.ts";
import { networkOption } from "./bridge-options.ts";
import type { NetworkWish, Surroundings } from "./driver.ts";
import type { NetworkDrivers } from "./drivers.ts";
import { encodePool, parseIpamConfig } from "./ipam-config.ts";
import { decodePool, isPredefined, type NetworkRecord, newBareNetwork, type Pool } from "./records.ts";
import type { NetworksConfig } from "./settings.ts";

/** As in Docker, any name with something in it will do. @throws forbidden, invalid */
export function checkNetworkName(name: string): void {
  if (name === "default" || isPredefined(name))
    throw forbidden(`operation is not permitted on predefined ${name} network `);
  if (name.trim() === "") throw invalid("invalid name: name is empty");
}

/**
 * A network as a user asks for it.
 * @param findConfig a network by its name
 * @param defaults options of networks by driver, where the user gives no others
 * @throws EngineError in Docker's words
 */
export function newNetwork(
  body: NetworkCreateRequest,
  drivers: NetworkDrivers,
  surroundings: Surroundings,
  defaults: NetworksConfig["defaultOptions"],
): NetworkRecord {
  checkScope(body);
  if (body.ConfigOnly) return newConfigOnly(body);
  const from = body.ConfigFrom?.Network ?? "";
  const driver = findDriver(drivers, body.Driver || "bridge");
  if (body.Ingress) throw forbidden("Ingress network can only be global scope network");
  const content =
    from === ""
      ? readContent(body, (Object.hasOwn(defaults, driver) && defaults[driver]) || {})
      : copyContent(body, from, surroundings);
  const record: NetworkRecord = {
    ...newBareNetwork(body.Name ?? "", driver),
    ...content.settings,
    scope: body.Scope || "local",
    isInternal: body.Internal ?? false,
    isAttachable: body.Attachable ?? false,
    configFrom: from,
  };
  const wish: NetworkWish = { ...record, pools: content.pools };
  return { ...record, ...drivers[driver].plan(wish, surroundings) };
}

type Settings = Pick<
  NetworkRecord,
  "hasIpv4" | "hasIpv6" | "options" | "labels" | "ipamDriver" | "ipamOptions"
>;

/** What a network can have from another one. */
interface Content {
  settings: Settings;
  pools: Pool[];
}

/** @throws notFound, invalid */
function readContent(body: NetworkCreateRequest, defaults: Record<string, string>): Content {
  const options = { ...defaults, ...body.Options };
  const hasIpv4 = readFamily(body.EnableIPv4, options, networkOption.enableIpv4, true);
  const hasIpv6 = readFamily(body.EnableIPv6, options, networkOption.enableIpv6, false);
  const { Driver: ipamDriver, Options: ipamOptions, Config: config } = body.IPAM ?? {};
  const pools = parseIpamConfig(config ?? [], hasIpv6);
  if (ipamDriver && !["default", "null"].includes(ipamDriver)) throw unknownPlugin(ipamDriver);
  return {
    pools,
    settings: {
      hasIpv4,
      hasIpv6,
      options,
      labels: body.Labels ?? {},
      ipamDriver: ipamDriver || "default",
      ipamOptions: ipamOptions ?? null,
    },
  };
}

/** The member of the body wins over the option and takes its place. */
function readFamily(
  member: boolean | null | undefined,
  options: Record<string, string>,
  key: string,
  otherwise: boolean,
): boolean {
  const text = Object.hasOwn(options, key) ? options[key] : undefined;
  if (typeof member === "boolean") {
    delete options[key];
    return member;
  }
  if (text === undefined) return otherwise;
  const flag = parseGoBool(text);
  if (flag === undefined) throw invalid(`driver-opt ${JSON.stringify(key)} is not a valid bool`);
  return flag;
}

function newConfigOnly(body: NetworkCreateRequest): NetworkRecord {
  if (body.Internal || body.Attachable || body.Ingress || body.Scope)
    throw forbidden(
      "configuration network can only contain network specific fields. " +
        "Network operator fields like [ ingress | internal | attachable | scope ] are not supported.",
    );
  if (body.ConfigFrom?.Network)
    throw forbidden("a configuration network cannot depend on another configuration network");
  const { settings, pools } = readContent(body, {});
  return {
    ...newBareNetwork(body.Name ?? "", "null"),
    ...settings,
    isConfigOnly: true,
    ipam: pools.map(encodePool),
  };
}

/** @throws notFound, forbidden */
function copyContent(body: NetworkCreateRequest, from: string, { networks }: Surroundings): Content {
  const pattern = networks.find(({ name, isConfigOnly }) => isConfigOnly && name === from);
  const { IPAM, Labels, Options, EnableIPv4, EnableIPv6 } = body;
  const hasOwn =
    IPAM?.Config?.length || Object.keys(Labels ?? {}).length > 0 || EnableIPv6 || EnableIPv4 === false;
  if (hasOwn)
    throw forbidden(
      "user specified configurations are not supported if the network depends on a configuration network",
    );
  if (Object.keys(Options ?? {}).length > 0)
    throw forbidden(
      "network driver options are not supported if the network depends on a configuration network",
    );
  if (!pattern) throw notFound(`configuration network ${JSON.stringify(from)} does not exist`);
  const { hasIpv4, hasIpv6, options, labels, ipamDriver, ipamOptions, ipam } = pattern;
  return {
    settings: { hasIpv4, hasIpv6, options, labels, ipamDriver, ipamOptions },
    pools: ipam.map(decodePool),
  };
}

function checkScope({ Scope, Driver, ConfigOnly }: NetworkCreateRequest): void {
  if (!ConfigOnly && Driver === "overlay")
    throw forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  if (Scope === "swarm") throw forbidden("cannot create a swarm scoped network when swarm is not active");
}

/** @throws notFound */
function findDriver(drivers: NetworkDrivers, name: string): keyof NetworkDrivers {
  if (Object.hasOwn(drivers, name)) return name as keyof NetworkDrivers;
  throw unknownPlugin(name);
}

const unknownPlugin = (name: string): EngineError => notFound(`plugin ${JSON.stringify(name)} not found`);
