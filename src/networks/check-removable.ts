import { forbidden } from "../errors.ts";
import { isPredefined, type NetworkRecord } from "./records.ts";

/** @param endpoints those that containers have there now @throws forbidden in Docker's words */
export function checkRemovable(
  { name, isConfigOnly }: NetworkRecord,
  others: readonly NetworkRecord[],
  endpoints: readonly { id: string; ownerName: string }[],
): void {
  if (isPredefined(name)) throw forbidden(`${name} is a pre-defined network and cannot be removed`);
  if (isConfigOnly && others.some(({ configFrom }) => configFrom === name))
    throw forbidden(`error while removing network: configuration network ${JSON.stringify(name)} is in use`);
  if (endpoints.length === 0) return;
  const list = endpoints.map(
    ({ ownerName, id }) => `name:${JSON.stringify(ownerName)} id:"${id.slice(0, 12)}"`,
  );
  throw forbidden(`error while removing network: network ${name} has active endpoints (${list.join(", ")})`);
}
