import { EngineError, forbidden, invalid } from "../errors.ts";
import {
  doOverlap,
  firstAddress,
  formatIpv4,
  formatSubnet,
  lastAddress,
  type Subnet,
} from "../formats/ip-address.ts";

/** The addresses of one subnet: which are leased, and which comes next. */
export interface AddressPool {
  /** The next free address after the one given out last, so that a freed one is not used again at once. */
  lease(): number;
  /**
   * Leases that address.
   * @throws invalid when it is outside the subnet or is its first or last one; forbidden when it is leased.
   */
  leaseFixed(address: number): number;
  release(address: number): void;
  leased(): ReadonlySet<number>;
}

/** `reserved` are addresses never leased, such as the gateway. */
export function createAddressPool(subnet: Subnet, reserved: number[]): AddressPool {
  const leases = new Set<number>();
  const never = new Set(reserved);
  const hasEnds = subnet.prefixLength < 31;
  const first = firstAddress(subnet) + (hasEnds ? 1 : 0);
  const last = lastAddress(subnet) - (hasEnds ? 1 : 0);
  const size = last - first + 1;
  let next = first;

  const isFree = (address: number) => !leases.has(address) && !never.has(address);

  return {
    lease() {
      for (let tries = 0; tries < size && leases.size < size; tries++) {
        const address = next;
        next = next === last ? first : next + 1;
        if (!isFree(address)) continue;
        leases.add(address);
        return address;
      }
      throw new EngineError(
        "unavailable",
        `no available IPv4 addresses on this network's address pools: ${formatSubnet(subnet)}`,
      );
    },
    leaseFixed(address) {
      if (address < first || address > last)
        throw invalid(
          `Invalid address ${formatIpv4(address)}: It does not belong to any of this network's subnets`,
        );
      if (!isFree(address)) throw forbidden("Address already in use");
      leases.add(address);
      return address;
    },
    release: (address) => void leases.delete(address),
    leased: () => leases,
  };
}

/** Docker's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 to 192.168.240.0/20. */
export function* defaultSubnets(): Generator<Subnet> {
  for (let second = 17; second <= 31; second++)
    yield { address: ((172 << 24) | (second << 16)) >>> 0, prefixLength: 16 };
  for (let third = 0; third < 256; third += 16)
    yield { address: ((192 << 24) | (168 << 16) | (third << 8)) >>> 0, prefixLength: 20 };
}

/** The first default subnet that overlaps none of `used`. @throws unavailable when all do. */
export function findFreeSubnet(used: Subnet[]): Subnet {
  for (const subnet of defaultSubnets()) {
    if (!used.some((other) => doOverlap(subnet, other))) return subnet;
  }
  throw new EngineError("unavailable", "all predefined address pools have been fully subnetted");
}
