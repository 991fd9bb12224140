import type { VersionResponse } from "../../src/formats/docker-api/docker-api-system.ts";
import { get } from "../api/call.ts";
import { createStore, useStore } from "../store.ts";
import { onEvents } from "./events.ts";

/** What the engine behind the page is. */
export interface Traits {
  version: VersionResponse;
  /** It has berth's own operations: clone, check, ports changed live. */
  isBerth: boolean;
}

const traits = createStore<Traits | undefined>(undefined);

/** Asked again after each lost connection: another engine may have taken its place. */
export function followTraits(): () => void {
  return onEvents((event) => {
    if (event !== "connected") return;
    get<VersionResponse>("/version").then(
      (version) => traits.set({ version, isBerth: isBerth(version) }),
      () => {},
    );
  });
}

const isBerth = ({ Platform, Components = [] }: VersionResponse) =>
  /berth/i.test([Platform?.Name ?? "", ...Components.map(({ Name }) => Name)].join(" "));

export const useTraits = () => useStore(traits);
