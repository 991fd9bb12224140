import type { ContainerSummary } from "../../../src/formats/docker-api/docker-api.ts";
import { at, call, post } from "../../api/call.ts";
import { words } from "../../languages/language.ts";
import { nameOf } from "../../live/containers.ts";
import { askText } from "../../parts/ask-text.tsx";
import { compareText } from "../../parts/columns.ts";
import { confirm } from "../../parts/dialog.tsx";
import type { IconName } from "../../parts/icon.tsx";
import { attempt, tell } from "../../parts/notices.tsx";

export type Verb = "start" | "stop" | "restart" | "pause" | "unpause" | "kill" | "remove";

type Acted = Pick<ContainerSummary, "Id" | "Names" | "State">;

export const verbs: readonly { verb: Verb; icon: IconName; fits(state: string): boolean; key: string }[] = [
  { verb: "start", icon: "start", key: "s", fits: (state) => ["created", "exited", "dead"].includes(state) },
  {
    verb: "stop",
    icon: "stop",
    key: "s",
    fits: (state) => ["running", "paused", "restarting"].includes(state),
  },
  { verb: "restart", icon: "restart", key: "r", fits: (state) => ["running", "exited"].includes(state) },
  { verb: "pause", icon: "pause", key: "p", fits: (state) => state === "running" },
  { verb: "unpause", icon: "start", key: "p", fits: (state) => state === "paused" },
  { verb: "kill", icon: "kill", key: "k", fits: (state) => ["running", "restarting"].includes(state) },
  { verb: "remove", icon: "remove", key: "Delete", fits: (state) => state !== "removing" },
];

const mostAtOnce = 8;

/** Does it with all that it fits; what cannot be undone asks first. */
export async function act(verb: Verb, containers: readonly Acted[]): Promise<void> {
  const t = words();
  const fits = verbs.find((one) => one.verb === verb)?.fits ?? (() => true);
  const chosen = containers.filter(({ State }) => fits(State));
  if (chosen.length === 0) return;
  const options = await ask(verb, chosen);
  if (!options) return;
  const waiting = [...chosen];
  const goOn = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const { Id } = one;
      await attempt(`${t[verb]} ${nameOf(one)}`, () => send(verb, Id, options));
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, goOn));
}

function send(verb: Verb, id: string, options: ReadonlySet<string>): Promise<unknown> {
  if (verb !== "remove") return post(`/containers/${at(id)}/${verb}`);
  const query = { force: options.has("force"), v: options.has("volumes") };
  return call("DELETE", `/containers/${at(id)}`, { query });
}

async function ask(verb: Verb, chosen: readonly Acted[]): Promise<ReadonlySet<string> | undefined> {
  const t = words();
  const names = chosen.map(nameOf).sort(compareText);
  if (verb === "kill")
    return confirm({ title: t.killContainers(names.length), loss: t.killLoss, names, action: t.kill });
  if (verb !== "remove") return new Set();
  const isAnyRunning = chosen.some(({ State }) => ["running", "paused", "restarting"].includes(State));
  return confirm({
    title: t.removeContainers(names.length),
    loss: t.removeContainersLoss,
    names,
    action: t.remove,
    options: [
      ...(isAnyRunning ? [{ name: "force", text: t.forceRemove }] : []),
      { name: "volumes", text: t.removeVolumesToo },
    ],
  });
}

export async function renameContainer(container: Acted): Promise<void> {
  const t = words();
  const name = await askText(t.rename, t.newName, nameOf(container));
  if (name) await attempt(t.rename, () => post(`/containers/${at(container.Id)}/rename`, { name }));
}

export async function commitContainer(container: Acted): Promise<void> {
  const t = words();
  const name = await askText(t.commit, t.commitTo, `${nameOf(container)}:latest`);
  if (!name) return;
  const [, repo = name, tag] = /^(.+?)(?::([\w.-]+))?$/.exec(name) ?? [];
  const isDone = await attempt(t.commit, () => post("/commit", { container: container.Id, repo, tag }, {}));
  if (isDone) tell(t.commit, name);
}
