import { type Filters, matchesLabels } from "../formats/filters.ts";
import type { EngineEvent } from "./events.ts";

/** A test for events; all values of a key are alternatives, different keys narrow, and unknown ones are, as with Docker, none. */
export function compileEventFilter(filters: Filters): (event: EngineEvent) => boolean {
  const subjects = ["container", "volume", "network", "daemon"] as const;
  return (event) => {
    const { Type, Action, Actor } = event;
    const has = (key: string, test: (value: string) => boolean) =>
      !filters.has(key) || filters.get(key)!.some(test);
    return (
      has("type", (value) => value === Type) &&
      has("event", (value) => Action === value || Action.startsWith(`${value}:`)) &&
      has("scope", (value) => value === event.scope) &&
      has("image", (value) =>
        imageNames(event).some((name) => name === value || name.split(":")[0] === value),
      ) &&
      subjects.every((subject) => has(subject, (value) => Type === subject && isNamed(value, Actor))) &&
      matchesLabels(filters, Actor.Attributes)
    );
  };
}

function isNamed(value: string, { ID, Attributes }: EngineEvent["Actor"]): boolean {
  return ID === value || Attributes.name === value || (value.length >= 4 && ID.startsWith(value));
}

function imageNames({ Type, Actor }: EngineEvent): string[] {
  const { image, name } = Actor.Attributes;
  if (Type === "image") return [Actor.ID, ...(name ? [name] : [])];
  return image ? [image] : [];
}
