/**
 * Whether an operation leaves everything as it is, or has the engine ask another address. Read-only mode refuses all but the first: who may
 * only look is not to look around in the engine's networks.
 */
export type Effect = "reads" | "asks" | "changes";

export type UiOperation = readonly [
  method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE",
  path: string,
  effect: Effect,
];

/**
 * What of the engine's API the page may use, in the terms of `api/routes.ts`. What is not listed is refused: among it all that
 * takes over its connection, which `streams.ts` does, and all that ends the engine.
 */
export const operations: readonly UiOperation[] = [
  ["GET", "/_ping", "reads"],
  ["GET", "/version", "reads"],
  ["GET", "/info", "reads"],
  ["GET", "/events", "reads"],
  ["GET", "/system/df", "reads"],
  ["GET", "/berth/system/check", "reads"],
  ["POST", "/berth/system/repair", "changes"],
  ["GET", "/berth/metrics", "reads"],

  ["GET", "/containers/json", "reads"],
  ["POST", "/containers/create", "changes"],
  ["POST", "/containers/prune", "changes"],
  ["GET", "/containers/:id/json", "reads"],
  ["GET", "/containers/:id/top", "reads"],
  ["GET", "/containers/:id/logs", "reads"],
  ["GET", "/containers/:id/changes", "reads"],
  ["GET", "/containers/:id/export", "reads"],
  ["GET", "/containers/:id/stats", "reads"],
  ["POST", "/containers/:id/resize", "changes"],
  ["POST", "/containers/:id/start", "changes"],
  ["POST", "/containers/:id/stop", "changes"],
  ["POST", "/containers/:id/restart", "changes"],
  ["POST", "/containers/:id/kill", "changes"],
  ["POST", "/containers/:id/update", "changes"],
  ["POST", "/containers/:id/rename", "changes"],
  ["POST", "/containers/:id/pause", "changes"],
  ["POST", "/containers/:id/unpause", "changes"],
  ["POST", "/containers/:id/wait", "reads"],
  ["DELETE", "/containers/:id", "changes"],
  ["HEAD", "/containers/:id/archive", "reads"],
  ["GET", "/containers/:id/archive", "reads"],
  ["PUT", "/containers/:id/archive", "changes"],
  ["POST", "/berth/containers/:id/ports", "changes"],
  ["GET", "/berth/containers/:id/files", "reads"],

  ["POST", "/containers/:id/exec", "changes"],
  ["POST", "/exec/:id/resize", "changes"],
  ["GET", "/exec/:id/json", "reads"],

  ["GET", "/images/json", "reads"],
  ["POST", "/images/create", "changes"],
  ["POST", "/images/load", "changes"],
  ["POST", "/images/prune", "changes"],
  ["GET", "/images/get", "reads"],
  ["GET", "/images/*name/json", "reads"],
  ["GET", "/images/*name/history", "reads"],
  ["GET", "/images/*name/get", "reads"],
  ["POST", "/images/*name/push", "changes"],
  ["POST", "/images/*name/tag", "changes"],
  ["DELETE", "/images/*name", "changes"],
  ["POST", "/commit", "changes"],
  ["POST", "/build", "changes"],
  ["POST", "/build/prune", "changes"],
  ["POST", "/berth/images/make", "changes"],
  ["GET", "/berth/images/*name/layers", "reads"],
  ["GET", "/berth/images/*name/layers/:number/entries", "reads"],
  ["GET", "/berth/images/*name/layers/:number/file", "reads"],

  ["GET", "/networks", "reads"],
  ["POST", "/networks/create", "changes"],
  ["POST", "/networks/prune", "changes"],
  ["POST", "/networks/:id/connect", "changes"],
  ["POST", "/networks/:id/disconnect", "changes"],
  ["GET", "/networks/:id", "reads"],
  ["DELETE", "/networks/:id", "changes"],

  ["GET", "/volumes", "reads"],
  ["POST", "/volumes/create", "changes"],
  ["POST", "/volumes/prune", "changes"],
  ["GET", "/volumes/:name", "reads"],
  ["DELETE", "/volumes/:name", "changes"],
  ["GET", "/distribution/*name/json", "asks"],
  ["GET", "/berth/registries/:host/repositories", "asks"],
  ["GET", "/berth/registries/:host/tags", "asks"],
  ["DELETE", "/berth/registries/:host/manifest", "changes"],

  ["GET", "/berth/volumes/:name/export", "reads"],
  ["GET", "/berth/volumes/:name/files", "reads"],
  ["GET", "/berth/volumes/:name/file", "reads"],
  ["POST", "/berth/volumes/:name/import", "changes"],
  ["POST", "/berth/volumes/:name/clone", "changes"],
  ["POST", "/berth/volumes/:name/rename", "changes"],
];
