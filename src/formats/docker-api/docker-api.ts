/**
 * The shapes of the Docker Engine API as JSON (API 1.51; names and nulls as Docker sends them).
 * Requests are partial: clients leave out what they do not set, and old ones send null for empty.
 */
export type * from "./docker-api-bodies.ts";
export type * from "./docker-api-config.ts";
export type * from "./docker-api-container.ts";
export type * from "./docker-api-host-config.ts";
export type * from "./docker-api-image.ts";
export type * from "./docker-api-objects.ts";
