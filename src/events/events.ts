import { nowMilliseconds } from "../formats/timestamp.ts";

/** One engine event, in the shape the API sends (Docker Engine API, `GET /events`). */
export interface EngineEvent {
  /** Of containers and images: what clients older than 1.30 go by, `docker run --rm` among them. */
  status?: string;
  id?: string;
  /** A container's image. */
  from?: string;
  Type: "container" | "image" | "volume" | "network" | "daemon" | "builder";
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: "local";
  /** Unix time in seconds. */
  time: number;
  /** Unix time in nanoseconds; loses the last digits as a JSON number, as in Docker's own JavaScript clients. */
  timeNano: number;
}

export interface Events {
  publish(type: EngineEvent["Type"], action: string, id: string, attributes?: Record<string, string>): void;
  /** Calls `listener` synchronously for each event from now on. Returns the function that ends it. */
  subscribe(listener: (event: EngineEvent) => void): () => void;
  /** The last 256 events, oldest first. */
  recent(): readonly EngineEvent[];
}

const kept = 256;

/** @param onFailure given what a listener throws; then the others hear of the event all the same, and who published it goes on */
export function createEvents(onFailure: (error: unknown) => void = rethrow): Events {
  const listeners = new Set<(event: EngineEvent) => void>();
  const ring: EngineEvent[] = [];
  return {
    publish(type, action, id, attributes = {}) {
      const milliseconds = nowMilliseconds();
      const event: EngineEvent = {
        ...legacyFields(type, action, id, attributes),
        Type: type,
        Action: action,
        Actor: { ID: id, Attributes: byName(attributes) },
        scope: "local",
        time: Math.floor(milliseconds / 1000),
        timeNano: Math.round(milliseconds * 1e6),
      };
      ring.push(event);
      if (ring.length > kept) ring.shift();
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          onFailure(error);
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    recent: () => ring,
  };
}

function rethrow(error: unknown): never {
  throw error;
}

/** In the order in which Go writes a map. */
function byName(attributes: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function legacyFields(
  type: EngineEvent["Type"],
  status: string,
  id: string,
  { image }: Record<string, string>,
): Pick<EngineEvent, "status" | "id" | "from"> {
  if (type === "container") return { status, id, ...(image && { from: image }) };
  return type === "image" ? { status, id } : {};
}
