import { posix } from "node:path";
import { invalid } from "../errors.ts";
import type { ContainerConfig, HealthConfig } from "../formats/docker-api/docker-api.ts";
import { parseDuration } from "../formats/units.ts";
import { splitWords } from "./change-words.ts";

type Config = Partial<ContainerConfig>;
type Change = (config: Config, rest: string, words: () => string[], seen: ReadonlySet<string>) => void;

/** The Dockerfile instructions that only change the config. */
const changes: Record<string, Change> = {
  CMD(config, rest) {
    config.Cmd = parseCommand(rest, config);
  },
  ENTRYPOINT(config, rest, _words, seen) {
    config.Entrypoint = parseCommand(rest, config);
    // A command set before was an argument of another entrypoint, unless it is of these changes.
    if (!seen.has("CMD")) delete config.Cmd;
  },
  ENV(config, rest, words) {
    const env = new Map((config.Env ?? []).map((pair) => [pair.split("=", 1)[0] ?? "", pair]));
    for (const [name, value] of parsePairs("ENV", rest, words)) env.set(name, `${name}=${value}`);
    config.Env = [...env.values()];
  },
  EXPOSE(config, _rest, words) {
    const ports = words().flatMap(parsePorts);
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  },
  HEALTHCHECK(config, rest) {
    config.Healthcheck = parseHealthcheck(rest, config);
  },
  LABEL(config, rest, words) {
    config.Labels = { ...config.Labels, ...Object.fromEntries(parsePairs("LABEL", rest, words)) };
  },
  ONBUILD(config, rest) {
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  SHELL(config, rest) {
    const shell = parseJsonList(rest);
    if (!shell || shell.length === 0) throw invalid("SHELL requires the arguments to be in JSON form");
    config.Shell = shell;
  },
  STOPSIGNAL(config, _rest, words) {
    config.StopSignal = single("STOPSIGNAL", words());
  },
  USER(config, _rest, words) {
    config.User = single("USER", words());
  },
  VOLUME(config, rest, words) {
    const paths = parseJsonList(rest) ?? words();
    if (paths.some((path) => path.trim() === ""))
      throw invalid("VOLUME specified can not be an empty string");
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  },
  WORKDIR(config, _rest, words) {
    config.WorkingDir = posix.resolve("/", config.WorkingDir ?? "", words().join(" "));
  },
};

/**
 * Applies `--change` instructions, in order, to a copy of `config`.
 * @throws invalid for an instruction that is unknown, not allowed here or malformed
 */
export function applyChanges(config: Config, instructions: readonly string[]): Config {
  const changed = structuredClone(config);
  const seen = new Set<string>();
  for (const line of instructions.flatMap((text) => text.split("\n"))) {
    const match = /^\s*(\S+)\s*(.*?)\s*$/s.exec(line);
    if (!match?.[1] || match[1].startsWith("#")) continue;
    const name = match[1].toUpperCase();
    const change = Object.hasOwn(changes, name) ? changes[name] : undefined;
    if (!change) throw invalid(`${match[1]} is not a valid change command`);
    const rest = match[2] ?? "";
    if (rest === "") throw invalid(`${name} requires at least one argument`);
    change(changed, rest, () => splitWords(rest, (variable) => lookUp(changed, variable)), seen);
    seen.add(name);
  }
  return changed;
}

function lookUp({ Env }: Config, name: string): string | undefined {
  return Env?.findLast((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** `["a", "b"]` is run as it is, anything else by the shell. */
function parseCommand(text: string, { Shell }: Config): string[] {
  return parseJsonList(text) ?? [...(Shell ?? ["/bin/sh", "-c"]), text];
}

function parseJsonList(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
    return isList ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A first word, perhaps with quotes, that has an equals sign. */
const hasPair = /^(?:"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'=])*=/;

/** `NAME=VALUE …`, or the old `NAME VALUE`, where the value is the rest of the line. */
function parsePairs(instruction: string, rest: string, words: () => string[]): [string, string][] {
  if (!hasPair.test(rest)) {
    const [, name, value] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (!name || value === undefined) throw invalid(`${instruction} must have two arguments`);
    return [[name, splitWords(value.replaceAll(/(\s)/g, "\\$1"), () => undefined).join(" ")]];
  }
  return words().map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0)
      throw invalid(
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    if (equals === 0) throw invalid(`${instruction} names can not be blank`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function parsePorts(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first < 1 || last > 65535 || first > last) throw invalid(`invalid containerPort: ${text}`);
  const protocol = (match[3] ?? "tcp").toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

function single(instruction: string, words: string[]): string {
  if (words.length !== 1 || !words[0]) throw invalid(`${instruction} requires exactly one argument`);
  return words[0];
}

function parseHealthcheck(text: string, config: Config): HealthConfig {
  const health: HealthConfig = {};
  let rest = text;
  for (let flag = readFlag(rest); flag; flag = readFlag(rest)) {
    rest = flag.rest;
    if (flag.name === "retries") health.Retries = parseRetries(flag.value);
    else if (flag.name === "interval") health.Interval = parseTiming(flag.name, flag.value);
    else if (flag.name === "timeout") health.Timeout = parseTiming(flag.name, flag.value);
    else if (flag.name === "start-period") health.StartPeriod = parseTiming(flag.name, flag.value);
    else if (flag.name === "start-interval") health.StartInterval = parseTiming(flag.name, flag.value);
    else throw invalid(`unknown flag: ${flag.name}`);
  }
  const [, type = "", command = ""] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
  if (type.toUpperCase() === "NONE") return { Test: ["NONE"] };
  if (type.toUpperCase() !== "CMD")
    throw invalid(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  if (command === "") throw invalid("Missing command after HEALTHCHECK CMD");
  const list = parseJsonList(command);
  const shell = config.Shell ? [...config.Shell, command] : undefined;
  return { ...health, Test: list ? ["CMD", ...list] : shell ? ["CMD", ...shell] : ["CMD-SHELL", command] };
}

function readFlag(text: string): { name: string; value: string; rest: string } | undefined {
  const match = /^--([a-z-]+)=(\S*)\s*(.*)$/s.exec(text);
  return match ? { name: match[1] ?? "", value: match[2] ?? "", rest: match[3] ?? "" } : undefined;
}

function parseRetries(text: string): number {
  if (!/^\d+$/.test(text)) throw invalid(`--retries must be at least 0, not ${text}`);
  return Number(text);
}

function parseTiming(flag: string, text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw invalid(`invalid duration ${text} for --${flag}`, error);
  }
}
