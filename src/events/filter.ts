import { type Filters, matchesLabels } from "../formats/filters.ts";
import { familiarRepository, parseReference } from "../formats/reference.ts";
import type { EngineEvent } from "./events.ts";

/** As with Docker none is bound to its type: `container=web` has a volume of that name too. */
const subjects = [
  ...["daemon", "container", "plugin", "volume", "network"],
  ...["service", "node", "secret", "config"],
] as const;

/** One of them makes beginnings count, of all that are asked for. */
const actionsWithDetails = ["health_status", "exec_create", "exec_start"];

/** A test for events; all values of a key are alternatives, different keys narrow, and unknown ones are, as with Docker, none. */
export function compileEventFilter(filters: Filters): (event: EngineEvent) => boolean {
  const byBeginning = filters.get("event")?.some((action) => actionsWithDetails.includes(action));
  return (event) => {
    const { Type, Action, Actor } = event;
    const has = (key: string, test: (value: string) => boolean) =>
      !filters.get(key)?.length || filters.get(key)!.some(test);
    return (
      has("type", (value) => value === Type) &&
      has("event", (value) => (byBeginning ? Action.startsWith(value) : Action === value)) &&
      has("scope", (value) => value === event.scope) &&
      has("image", (value) => imageNames(event).includes(value)) &&
      subjects.every((subject) => has(subject, (value) => beginsWith(value, Actor))) &&
      matchesLabels(filters, Actor.Attributes)
    );
  };
}

function beginsWith(value: string, { ID, Attributes }: EngineEvent["Actor"]): boolean {
  return ID.startsWith(value) || (Attributes.name ?? "").startsWith(value);
}

/** What an image may be asked for by, with and without its tag or digest. */
function imageNames({ Type, Actor }: EngineEvent): string[] {
  const { image, name } = Actor.Attributes;
  const names = [Actor.ID, (Type === "image" ? name : image) ?? ""];
  return [...names, ...names.map(nameWithoutTag)];
}

function nameWithoutTag(image: string): string {
  try {
    return familiarRepository(parseReference(image));
  } catch {
    // An id, say.
    return image;
  }
}
