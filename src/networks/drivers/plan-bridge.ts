import { forbidden, internal, invalid } from "../../errors.ts";
import { isLinkName, isTooLong, networkOption, readBridgeOptions } from "../bridge-options.ts";
import type { NetworkPlan, NetworkWish, Surroundings } from "../driver.ts";
import type { NetworkRecord } from "../records.ts";
import { adoptPool, checkFamilies, familiesOf, planPools } from "./plan-pools.ts";

/** A user's bridge network. @throws EngineError invalid, forbidden, internal in Docker's words */
export function planBridge(wish: NetworkWish, surroundings: Surroundings): NetworkPlan {
  const { id, isInternal } = wish;
  const options = readBridgeOptions(wish.options);
  for (const mode of Object.values(options.modes))
    if (mode === "isolated" && !isInternal)
      throw internal("gateway mode 'isolated' can only be used for an internal network");
  checkFamilies(wish);
  const link = wish.options[networkOption.bridgeName] || `br-${id.slice(0, 12)}`;
  const isForeign = checkLink(wish, link, surroundings);
  const families = familiesOf(wish);
  for (const family of families)
    if (wish.pools.filter(({ subnet }) => subnet.address.family === family).length > 1)
      throw forbidden("bridge driver doesn't support multiple subnets");
  const pools = planPools(wish, surroundings, {
    hasGateway: (family) =>
      options.modes[family] !== "isolated" && !(isInternal && options.inhibitsIpv4 && family === 4),
    findPresent: (family) => adoptPool(surroundings.addressesOf(link), family),
    refuseRange(family, other) {
      throw forbidden(`${conflictBetween(id, link, other)}: networks have overlapping IPv${family}`);
    },
  });
  return { ...pools, bridge: { link, mtu: options.mtu, isForeign } };
}

/** @returns whether the link is there already. @throws forbidden, internal, invalid */
function checkLink({ id }: NetworkWish, link: string, { networks, links }: Surroundings): boolean {
  const other = networks.find(({ bridge }) => bridge?.link === link);
  if (other) throw forbidden(`${conflictBetween(id, link, other)}: networks have same bridge name`);
  if (isTooLong(link))
    throw internal(`failed to check bridge interface existence: numerical result out of range`);
  if (!isLinkName(link)) throw invalid(`invalid bridge name: ${link}`);
  const present = links.find(({ name }) => name === link);
  if (present && present.kind !== "bridge") throw internal(`existing interface ${link} is not a bridge`);
  return present !== undefined;
}

function conflictBetween(id: string, link: string, other: NetworkRecord): string {
  return `cannot create network ${id} (${link}): conflicts with network ${other.id} (${other.bridge?.link})`;
}
