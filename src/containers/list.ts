import { invalid, messageOf } from "../errors.ts";
import { type Filters, flagOf, matchesLabels } from "../formats/filters.ts";
import type { Container } from "./container.ts";
import { type Containers, getContainer } from "./containers.ts";
import { usesVolume } from "./mounts.ts";

/** What `GET /containers/json` may be filtered by. */
export const listFilters = [
  ...["ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name"],
  ...["network", "publish", "since", "status", "volume"],
];

export interface ListOptions {
  /** Also those that do not run. */
  all: boolean;
  /** The newest so many, running or not; 0 for no limit. */
  limit: number;
  filters: Filters;
}

/** Newest first. @throws EngineError notFound, invalid */
export function listContainers(containers: Containers, options: ListOptions): Container[] {
  const { filters, limit } = options;
  const all = options.all || limit > 0 || filters.has("status") || filters.has("exited");
  const tests = [...filters].map(([key, values]) => compileFilter(containers, key, values));
  const found = [...containers.byId.values()]
    .filter((container) => all || container.record.state.Running)
    .filter((container) => tests.every((test) => test(container)))
    .filter(({ record }) => matchesLabels(filters, record.config.Labels))
    .sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
  return limit > 0 ? found.slice(0, limit) : found;
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
      return some(compileName(values));
    case "status":
      for (const value of values) checkStatus(value);
      return some((value, { record }) => record.state.Status === value);
    case "exited":
      for (const value of values) checkNumber(value);
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
      return some((value, container) => matchesPort(value, publishedPorts(container)));
    case "expose":
      checkPorts(key, values);
      return some((value, { record }) => matchesPort(value, Object.keys(record.config.ExposedPorts ?? {})));
    case "health":
      checkHealth(values);
      return some((value) => value === "none");
    case "is-task":
      return () => flagOf(new Map([[key, values]]), key) === false;
    default:
      return () => true;
  }
}

/** A name filter is a regular expression over the name with and without its slash. */
function compileName(values: string[]): (value: string, container: Container) => boolean {
  const patterns = new Map(values.map((value) => [value, compilePattern(value)]));
  return (value, { record }) => {
    const pattern = patterns.get(value)!;
    return pattern.test(record.name) || pattern.test(`/${record.name}`);
  };
}

function compilePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw invalid(`invalid filter 'name=[${text}]'`, error);
  }
}

function checkStatus(status: string): void {
  const known = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
  if (!known.includes(status)) throw invalid(`invalid filter 'status=[${status}]'`);
}

/** @throws EngineError invalid in the words of Go's strconv */
function checkNumber(text: string, parser = "Atoi"): void {
  if (!/^\d+$/.test(text))
    throw invalid(`strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`);
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

function checkHealth(values: string[]): void {
  const unknown = values.find((value) => !["none", "starting", "healthy", "unhealthy"].includes(value));
  if (unknown !== undefined) throw invalid(`Unrecognised filter value for health: ${unknown}`);
}

/** The image itself, or any that was built on it. */
function compileAncestor(containers: Containers, values: string[]): Test {
  const wanted = values
    .map((value) => containers.images.findImage(value))
    .filter((image) => image !== undefined);
  return ({ record }) => {
    const layers = containers.images.findImage(record.imageId)?.layers ?? [];
    return wanted.some((image) => {
      if (image.id === record.imageId) return true;
      return image.layers.length <= layers.length && image.layers.every((layer, n) => layer === layers[n]);
    });
  };
}

function compileAge(containers: Containers, key: "before" | "since", values: string[]): Test {
  const created = values.map((value) => getContainer(containers, value).record.created);
  if (key === "before") return ({ record }) => created.some((time) => record.created < time);
  return ({ record }) => created.some((time) => record.created > time);
}

function networksOf(containers: Containers, { record }: Container): string[] {
  const names = [
    record.hostConfig.NetworkMode,
    ...Object.keys(record.endpoints),
    ...Object.keys(record.endpointsConfig),
  ];
  return names.flatMap((name) => {
    const network = containers.networks.findNetwork(name);
    return network ? [network.name, network.id] : [name];
  });
}

function publishedPorts({ record }: Container): string[] {
  const published = Object.entries(record.ports).filter(([, bindings]) => bindings?.length);
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
