/** The library: an engine in this process, or a client of one behind a socket. */
export { Client } from "./client/client.ts";
export { createEngine, type Engine } from "./engine/engine.ts";
