import type { ContainerSummary } from "../../src/formats/docker-api/docker-api.ts";
import { get } from "../api/call.ts";
import { createStore } from "../store.ts";
import { onEvents } from "./events.ts";

/** All containers, the newest first; undefined until they are known. */
export const containers = createStore<readonly ContainerSummary[] | undefined>(undefined);

const gatherMilliseconds = 120;
const retryMilliseconds = 3000;
/** From here on a list of all is cheaper. */
const mostNamed = 40;

/** What health checks and terminals do changes nothing in a list. */
const quiet = /^(exec_|attach|detach|resize|top|archive-path|extract-to-dir|export|copy)/;

/** Keeps the list as it is at the engine: only what an event names is asked for again, and one question at a time. */
export function followContainers(): () => void {
  const changed = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAll = true;
  /** The question under way. */
  let asking: object | undefined;
  let isOver = false;
  const gather = (milliseconds = gatherMilliseconds) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!asking) void refresh();
    }, milliseconds);
  };
  async function refresh(): Promise<void> {
    const ids = isAll || changed.size > mostNamed ? undefined : [...changed];
    changed.clear();
    isAll = false;
    const turn = {};
    asking = turn;
    let wait = gatherMilliseconds;
    try {
      const found = await ask(ids);
      if (asking === turn && !isOver) take(found, ids);
    } catch {
      if (asking !== turn) return;
      isAll = true;
      wait = retryMilliseconds;
    }
    if (asking !== turn) return;
    asking = undefined;
    if (!isOver && (isAll || changed.size > 0)) gather(wait);
  }
  const unfollow = onEvents((event) => {
    if (event === "connected") {
      isAll = true;
      // What was asked over a connection that was lost may never be answered.
      asking = undefined;
    } else if (event.Type === "container" && !quiet.test(event.Action)) changed.add(event.Actor.ID);
    else if (event.Type === "network" && event.Actor.Attributes.container)
      changed.add(event.Actor.Attributes.container);
    else return;
    gather();
  });
  return () => {
    isOver = true;
    unfollow();
    clearTimeout(timer);
    containers.set(undefined);
  };
}

const ask = (ids: readonly string[] | undefined) =>
  get<ContainerSummary[]>("/containers/json", { all: true, filters: ids && JSON.stringify({ id: ids }) });

function take(found: readonly ContainerSummary[], ids: readonly string[] | undefined): void {
  const named = new Set(ids);
  const others = ids ? (containers.get() ?? []).filter(({ Id }) => !named.has(Id)) : [];
  containers.set([...found, ...others].sort((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1)));
}

export const nameOf = ({ Names, Id }: Pick<ContainerSummary, "Names" | "Id">) =>
  Names[0]?.replace(/^\//, "") ?? Id.slice(0, 12);

/** Labels of compose. */
export const projectOf = ({ Labels }: Pick<ContainerSummary, "Labels">) =>
  Labels["com.docker.compose.project"] ?? "";
export const serviceOf = ({ Labels }: Pick<ContainerSummary, "Labels">) =>
  Labels["com.docker.compose.service"] ?? "";
