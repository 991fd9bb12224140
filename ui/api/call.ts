import { forgetSession, sessionKey } from "../session.ts";
import { Failure } from "./failure.ts";

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface CallOptions {
  query?: Query;
  /** Sent as JSON. */
  body?: object;
  /** Sent as it is. */
  upload?: Blob;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export function formatTarget(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  return search.size > 0 ? `${path}?${search}` : path;
}

/** A request to the engine, or with `/ui/…` to the page's own server. @throws Failure */
export async function send(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const { query, body, upload, headers = {}, signal } = options;
  const key = sessionKey.get();
  const target = formatTarget(path.startsWith("/ui/") ? path : `/api${path}`, query);
  const response = await fetch(target, {
    method,
    headers: {
      "X-Berth-Key": key,
      ...(body && { "Content-Type": "application/json" }),
      ...(upload && { "Content-Type": "application/x-tar" }),
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
    ...(upload && { body: upload }),
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Failure(0, "The page's server cannot be reached.");
  });
  // A 401 of the engine's, as that of a registry which wants a login, does not have it.
  if (response.status === 401 && response.headers.get("WWW-Authenticate") === "Berth") forgetSession(key);
  if (response.status >= 400) throw new Failure(response.status, await readMessage(response));
  return response;
}

async function readMessage(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { message } = JSON.parse(text);
    if (typeof message === "string") return message;
  } catch {
    // Not ours.
  }
  return text.slice(0, 500) || `${response.status} ${response.statusText}`;
}

/** @throws Failure */
export async function call<T = void>(method: string, path: string, options?: CallOptions): Promise<T> {
  const response = await send(method, path, options);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) =>
  call<T>("GET", path, { ...(query && { query }), ...(signal && { signal }) });

export const post = <T = void>(path: string, query?: Query, body?: object) =>
  call<T>("POST", path, { ...(query && { query }), ...(body && { body }) });

/** A segment of a path. */
export const at = (name: string) => encodeURIComponent(name);
/** An image's name, whose slashes stay. */
export const atImage = (name: string) => name.split("/").map(encodeURIComponent).join("/");
