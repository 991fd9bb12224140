import { invalid, messageOf } from "../errors.ts";
import { type Filters, flagOf, matchesLabels } from "../formats/filters.ts";
import { compileNamePattern } from "../formats/name-pattern.ts";
import { createPauses } from "../sys/pauses.ts";
import type { Container } from "./container.ts";
import { type Containers, getContainer } from "./containers.ts";
import { usesVolume } from "./mounts.ts";
import { sandboxOf } from "./sandbox.ts";

/** What `GET /containers/json` may be filtered by. */
export const listFilters = [
  ...["ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name"],
  ...["network", "publish", "since", "status", "volume"],
];

export interface ListOptions {
  /** Also those that do not run. */
  all: boolean;
  /** At most this many, the newest first, running or not; 0 for no limit. */
  limit: number;
  filters: Filters;
}

/** Newest first. @throws EngineError notFound, invalid */
export async function listContainers(containers: Containers, options: ListOptions): Promise<Container[]> {
  const { filters, limit } = options;
  const wantsAll = options.all || limit > 0 || filters.has("status") || filters.has("exited");
  const tests = [...filters].map(([key, values]) => compileFilter(containers, key, values));
  if (filters.has("label")) tests.push(({ record }) => matchesLabels(filters, record.config.Labels));
  if (!wantsAll) tests.unshift(({ record }) => record.state.Running);
  const isWanted: Test = (container) => tests.every((test) => test(container));
  const found = await newestFirst(containers.byId.values(), isWanted);
  return limit > 0 ? found.slice(0, limit) : found;
}

/** Of thousands, this many are looked at before others may have the thread. */
const betweenPauses = 64;

/** They come nearly in the order of their making, so that hardly one has to find its place. */
async function newestFirst(all: Iterable<Container>, isWanted: Test): Promise<Container[]> {
  const pauses = createPauses();
  const sorted: Container[] = [];
  for (const [number, container] of [...all].reverse().entries()) {
    if (number % betweenPauses === 0) await pauses.take();
    if (!isWanted(container)) continue;
    let at = sorted.length;
    while (at > 0 && sorted[at - 1]!.record.created < container.record.created) at--;
    if (at === sorted.length) sorted.push(container);
    else sorted.splice(at, 0, container);
  }
  return sorted;
}

type Test = (container: Container) => boolean;

function compileFilter(containers: Containers, key: string, values: string[]): Test {
  const some = (test: (value: string, container: Container) => boolean): Test => {
    return (container) => values.some((value) => test(value, container));
  };
  switch (key) {
    case "id":
      return some((value, { record }) => record.id.startsWith(value));
    case "name":
      return compileName(values);
    case "status":
      checkOneOf(key, "state", states, values);
      return some((value, { record }) => record.state.Status === value);
    case "exited":
      checkExitCodes(values);
      return some(
        (value, { record: { state } }) =>
          !state.Running && state.Status !== "created" && state.ExitCode === Number(value),
      );
    case "ancestor":
      return compileAncestor(containers, values);
    case "before":
    case "since":
      return compileAge(containers, key, values);
    case "network":
      return some((value, container) => networksOf(containers, container).includes(value));
    case "volume":
      return some((value, container) => usesVolume(container, value));
    case "publish":
      checkPorts(key, values);
      return some((value, container) => matchesPort(value, publishedPorts(containers, container)));
    case "expose":
      checkPorts(key, values);
      return some((value, { record }) => matchesPort(value, Object.keys(record.config.ExposedPorts ?? {})));
    case "health":
      checkOneOf(key, "health", healths, values);
      return some((value, { record }) => value === (record.state.Health?.Status ?? "none"));
    case "is-task":
      return flagOf(new Map([[key, values]]), key) === true ? () => false : () => true;
    default:
      return () => true;
  }
}

/** The name with and without its slash. */
function compileName(values: string[]): Test {
  const patterns = values.map(compileNamePattern);
  return ({ record }) => patterns.some((test) => test(record.name) || test(`/${record.name}`));
}

const states = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const healths = ["none", "starting", "healthy", "unhealthy"];

function checkOneOf(key: string, what: string, known: string[], values: string[]): void {
  const unknown = values.find((value) => !known.includes(value));
  if (unknown === undefined) return;
  const rule = `invalid value for ${what} (${unknown}): must be one of ${known.join(", ")}`;
  throw invalid(`invalid filter '${key}=${unknown}': ${rule}`);
}

/** @throws EngineError invalid in the words of Go's strconv */
function checkNumber(text: string, parser = "Atoi"): void {
  if (!/^\d+$/.test(text))
    throw invalid(`strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function checkExitCodes(values: string[]): void {
  for (const value of values) {
    try {
      checkNumber(value);
    } catch (error) {
      throw invalid(`invalid filter 'exited=${value}': ${messageOf(error)}`, error);
    }
  }
}

function checkPorts(key: string, values: string[]): void {
  for (const value of values) {
    const [range = "", protocol = "tcp"] = value.split("/");
    try {
      for (const number of range.split("-")) checkNumber(number, "ParseUint");
    } catch (error) {
      throw invalid(`error while looking up for ${key} ${value}: ${messageOf(error)}`, error);
    }
    if (!["tcp", "udp", "sctp"].includes(protocol)) {
      throw invalid(`error while looking up for ${key} ${value}: invalid proto: ${protocol}`);
    }
  }
}

/** The image itself, or any that was committed from it, by however many steps. */
function compileAncestor({ images }: Containers, values: string[]): Test {
  const wanted = new Set(values.map((value) => images.findImage(value)?.id).filter((id) => id !== undefined));
  return ({ record }) => {
    const seen = new Set<string>();
    for (let id = record.imageId; id !== "" && !seen.has(id); id = images.findImage(id)?.parent ?? "") {
      if (wanted.has(id)) return true;
      seen.add(id);
    }
    return false;
  };
}

function compileAge(containers: Containers, key: "before" | "since", values: string[]): Test {
  const created = values.map((value) => getContainer(containers, value).record.created);
  if (key === "before") return ({ record }) => created.some((time) => record.created < time);
  return ({ record }) => created.some((time) => record.created > time);
}

function networksOf(containers: Containers, { record }: Container): string[] {
  const names = [record.hostConfig.NetworkMode, ...Object.keys(record.endpointsConfig)];
  return names.flatMap((name) => {
    const network = containers.networks.findNetwork(name);
    return network ? [network.name, network.id] : [name];
  });
}

function publishedPorts(containers: Containers, container: Container): string[] {
  const published = Object.entries(sandboxOf(containers, container)?.ports ?? {}).filter(
    ([, bindings]) => bindings?.length,
  );
  return published.flatMap(([port, bindings]) => {
    const protocol = port.split("/")[1] ?? "tcp";
    return [port, ...(bindings ?? []).map(({ HostPort }) => `${HostPort}/${protocol}`)];
  });
}

/** "80", "80/udp" or "8000-8010/tcp". */
function matchesPort(wanted: string, ports: string[]): boolean {
  const [range = "", protocol = "tcp"] = wanted.split("/");
  const [first = 0, last = first] = range.split("-").map(Number);
  return ports.some((port) => {
    const [number, proto] = port.split("/");
    return proto === protocol && Number(number) >= first && Number(number) <= last;
  });
}
