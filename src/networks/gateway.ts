import { addressIn, type Endpoint, wayOut } from "./endpoint.ts";

/**
 * The endpoint that a sandbox's default route of a family goes through, as Docker elects it: the highest GwPriority, then one that
 * has gateways of both families, then by the network's name. Undefined when none has a gateway.
 */
export function electGateway(endpoints: readonly Endpoint[], family: 4 | 6): Endpoint | undefined {
  const [first] = endpoints.toSorted(byGatewayRank(family));
  return first && isCandidate(first, family) ? first : undefined;
}

const hasGateway = (endpoint: Endpoint, family: 4 | 6) =>
  addressIn(endpoint, family) !== undefined && wayOut(endpoint, family) !== undefined;

const isCandidate = (endpoint: Endpoint, family: 4 | 6) =>
  !endpoint.network.isInternal && hasGateway(endpoint, family);

/** Orders endpoints by who is the gateway of a family, and who would be in its place. */
export function byGatewayRank(family: 4 | 6): (a: Endpoint, b: Endpoint) => number {
  const rank = (endpoint: Endpoint): number[] => [
    isCandidate(endpoint, family) ? 0 : 1,
    -(endpoint.settings.GwPriority ?? 0),
    hasGateway(endpoint, 4) && hasGateway(endpoint, 6) ? 0 : 1,
  ];
  return (a, b) => {
    const [one, other] = [rank(a), rank(b)];
    const place = one.findIndex((value, index) => value !== other[index]);
    if (place >= 0) return one[place]! - other[place]!;
    return a.network.name < b.network.name ? -1 : 1;
  };
}
