import { forbidden, internal, invalid } from "../errors.ts";
import {
  addressAfter,
  doesContain,
  firstAddress,
  formatIpAddress,
  type IpAddress,
  lastAddress,
  type Subnet,
} from "../formats/ip-address.ts";
import type { Pool } from "./records.ts";

/** The addresses of one subnet: which are leased, and which comes next. */
export interface AddressPool {
  readonly subnet: Subnet;
  hasRoom(): boolean;
  /** The next free address after the one given out last, so that a freed one is not used again at once. */
  lease(): IpAddress;
  /**
   * Leases that address, which may be outside the range that others are from.
   * @throws invalid when it is outside the subnet; forbidden when it is leased, reserved, or the first or the last one
   */
  leaseFixed(address: IpAddress): IpAddress;
  release(address: IpAddress): void;
  leased(): IpAddress[];
}

/** @param owner names the network in messages */
export function createAddressPool(pool: Pool, owner: string): AddressPool {
  const { subnet, range } = pool;
  const usable = usableOf(subnet);
  const { first, last } = range ? clip(range, usable) : usable;
  const { family } = usable.first;
  const never = reservedIn(pool);
  const leases = new Set<bigint>();
  let next = first.value;

  const isFree = (value: bigint) => !leases.has(value) && !never.has(value);

  /** Makes `next` a free one, if there is one. */
  function seek(): boolean {
    // One more try than there are addresses taken finds a free one, however large the subnet is.
    for (let tries = leases.size + never.size; tries >= 0 && first.value <= last.value; tries--) {
      if (isFree(next)) return true;
      next = after(next);
    }
    return false;
  }
  const after = (value: bigint) => (value === last.value ? first.value : value + 1n);

  return {
    subnet,
    hasRoom: seek,
    lease() {
      if (seek()) {
        const value = next;
        leases.add(value);
        next = after(value);
        return { family, value };
      }
      throw internal(
        `no available IPv${family} addresses on this network's address pools: ${owner}: ` +
          "make a network with a larger --subnet",
      );
    },
    leaseFixed(address) {
      const { value } = address;
      if (!doesContain(subnet, address))
        throw invalid(
          `Invalid address ${formatIpAddress(address)}: It does not belong to any of this network's subnets`,
        );
      if (!isFree(value) || value < usable.first.value || value > usable.last.value)
        throw forbidden("Address already in use");
      leases.add(value);
      return address;
    },
    release(address) {
      if (address.family === family) leases.delete(address.value);
    },
    leased: () => [...leases].map((value) => ({ family, value })),
  };
}

function reservedIn({ gateway, auxiliary }: Pool): Set<bigint> {
  return new Set([...(gateway ? [gateway] : []), ...auxiliary.values()].map(({ value }) => value));
}

interface Range {
  first: IpAddress;
  last: IpAddress;
}

/** The first address of an IPv6 subnet is every router's; in IPv4 the first and the last say something else. */
function usableOf(subnet: Subnet): Range {
  const [first, last] = [firstAddress(subnet), lastAddress(subnet)];
  const bits = first.family === 4 ? 32 : 128;
  if (bits - subnet.prefixLength < 2) return { first, last };
  return { first: addressAfter(first, 1), last: first.family === 4 ? addressAfter(last, -1) : last };
}

function clip(range: Subnet, { first, last }: Range): Range {
  const [start, end] = [firstAddress(range), lastAddress(range)];
  return { first: start.value < first.value ? first : start, last: end.value > last.value ? last : end };
}

/** Where this machine is in a subnet when nothing is said: at the first address of those that are given out. */
export function firstUsable(subnet: Subnet, range: Subnet | undefined): IpAddress {
  const usable = usableOf(subnet);
  return range ? clip(range, usable).first : usable.first;
}
