import { createStore, useStore } from "./store.ts";

/** Where the page is: the address bar's path in parts, decoded, and its query. */
export interface Place {
  parts: readonly string[];
  query: Readonly<Record<string, string>>;
}

const place = createStore<Place>(readPlace());
addEventListener("popstate", () => place.set(readPlace()));

function readPlace(): Place {
  const parts = location.pathname.split("/").filter(Boolean).map(decode);
  return { parts, query: Object.fromEntries(new URLSearchParams(location.search)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const usePlace = () => useStore(place);

/** `["containers", id, "logs"]` as an address. */
export function addressOf(parts: readonly string[], query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = new URLSearchParams(given).toString();
  return `/${parts.map(encodeURIComponent).join("/")}${search && `?${search}`}`;
}

export function go(address: string): void {
  history.pushState(null, "", address);
  place.set(readPlace());
  scrollTo(0, 0);
}

/** Changes the query by a step that the browser's Back takes back. */
export function goWithQuery(change: Record<string, string | undefined>): void {
  const { parts, query } = place.get();
  go(addressOf(parts, { ...query, ...change }));
}

/** Changes the query in place: filters are part of the address, and not of the history. */
export function setQuery(change: Record<string, string | undefined>): void {
  const { parts, query } = place.get();
  history.replaceState(null, "", addressOf(parts, { ...query, ...change }));
  place.set(readPlace());
}
