import type { CommandForm, HealthCheck } from "../../dockerfile/instructions.ts";
import { quoteGo } from "../../formats/go-template/go-template-printf.ts";
import { parseSignal } from "../../formats/signal.ts";
import { formatDuration } from "../../formats/units.ts";
import type { ImageSettings } from "./base-image.ts";
import { addHistory, type StagePlan, shellOf } from "./stage.ts";

/* Instructions that change what an image says of itself, and nothing of its files. */

interface Said {
  sourceDate: number | undefined;
}

/** As a process's arguments. */
export function argsOf(stage: StagePlan, command: CommandForm): string[] {
  return command.form === "exec" ? command.args : [...shellOf(stage), command.text];
}

const quoteList = (args: readonly string[]) => `[${args.map(quoteGo).join(" ")}]`;

export function setCmd(stage: StagePlan, command: CommandForm, { sourceDate }: Said): void {
  const args = argsOf(stage, command);
  Object.assign(stage.settings, { Cmd: args, ArgsEscaped: true });
  stage.hasOwnCmd = true;
  addHistory(stage, `CMD ${quoteList(args)}`, { hasLayer: false, sourceDate });
}

export function setEntrypoint(stage: StagePlan, command: CommandForm, { sourceDate }: Said): void {
  const args = argsOf(stage, command);
  stage.settings.Entrypoint = args;
  // What the base image passed to its own.
  if (!stage.hasOwnCmd) delete stage.settings.Cmd;
  addHistory(stage, `ENTRYPOINT ${quoteList(args)}`, { hasLayer: false, sourceDate });
}

export function setShell(stage: StagePlan, args: string[], { sourceDate }: Said): void {
  stage.settings.Shell = args;
  addHistory(stage, `SHELL [${args.join(" ")}]`, { hasLayer: false, sourceDate });
}

export function setUser(stage: StagePlan, user: string, { sourceDate }: Said): void {
  stage.settings.User = user;
  addHistory(stage, `USER ${user}`, { hasLayer: false, sourceDate });
}

/** @throws EngineError invalid */
export function setStopSignal(stage: StagePlan, signal: string, { sourceDate }: Said): void {
  parseSignal(signal);
  stage.settings.StopSignal = signal;
  addHistory(stage, `STOPSIGNAL ${signal}`, { hasLayer: false, sourceDate });
}

export function setAuthor(stage: StagePlan, author: string, { sourceDate }: Said): void {
  stage.author = author;
  addHistory(stage, `MAINTAINER ${author}`, { hasLayer: false, sourceDate });
}

export function addVolumes(stage: StagePlan, paths: readonly string[], { sourceDate }: Said): void {
  stage.settings.Volumes ??= {};
  for (const path of paths) stage.settings.Volumes[path] = {};
  addHistory(stage, `VOLUME [${paths.join(" ")}]`, { hasLayer: false, sourceDate });
}

/** @param ports "80/tcp", each one */
export function addPorts(stage: StagePlan, ports: readonly string[], { sourceDate }: Said): void {
  stage.settings.ExposedPorts ??= {};
  for (const port of ports) stage.settings.ExposedPorts[port] = {};
  addHistory(stage, `EXPOSE [${ports.join(" ")}]`, { hasLayer: false, sourceDate });
}

export function addLabels(
  stage: StagePlan,
  pairs: readonly (readonly [string, string])[],
  { sourceDate }: Said,
): void {
  stage.settings.Labels ??= {};
  for (const [key, value] of pairs)
    Object.defineProperty(stage.settings.Labels, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  const said = pairs.map(([key, value]) => `${key}=${value}`).join(" ");
  addHistory(stage, `LABEL ${said}`, { hasLayer: false, sourceDate });
}

export function addEnvironment(
  stage: StagePlan,
  pairs: readonly (readonly [string, string])[],
  { sourceDate }: Said,
): void {
  for (const [key, value] of pairs) {
    stage.scope.env.set(key, value);
    stage.scope.values.set(key, value);
  }
  const said = pairs.map(([key, value]) => `${key}=${value}`).join(" ");
  addHistory(stage, `ENV ${said}`, { hasLayer: false, sourceDate });
}

export function setHealthCheck(stage: StagePlan, check: HealthCheck, { sourceDate }: Said): void {
  const { command, interval, timeout, startPeriod, startInterval, retries } = check;
  const Test = testOf(command);
  const healthcheck: NonNullable<ImageSettings["Healthcheck"]> = {
    Test,
    ...(interval > 0 && { Interval: interval }),
    ...(timeout > 0 && { Timeout: timeout }),
    ...(startPeriod > 0 && { StartPeriod: startPeriod }),
    ...(startInterval > 0 && { StartInterval: startInterval }),
    ...(retries > 0 && { Retries: retries }),
  };
  stage.settings.Healthcheck = healthcheck;
  const times = [interval, timeout, startPeriod, startInterval].map((one) => quoteGo(formatDuration(one)));
  addHistory(stage, `HEALTHCHECK &{${[quoteList(Test), ...times, quoteRune(retries)].join(" ")}}`, {
    hasLayer: false,
    sourceDate,
  });
}

function testOf(command: CommandForm | undefined): string[] {
  if (!command) return ["NONE"];
  return command.form === "exec" ? ["CMD", ...command.args] : ["CMD-SHELL", command.text];
}

/** A number as Go's %q shows it: as a character. */
function quoteRune(number: number): string {
  const special = new Map([
    [0, "\\x00"],
    [7, "\\a"],
    [8, "\\b"],
    [9, "\\t"],
    [10, "\\n"],
    [11, "\\v"],
    [12, "\\f"],
    [13, "\\r"],
    [39, "\\'"],
    [92, "\\\\"],
  ]);
  const known = special.get(number);
  if (known) return `'${known}'`;
  if (number < 32 || number === 127) return `'\\x${number.toString(16).padStart(2, "0")}'`;
  return `'${String.fromCodePoint(Math.min(number, 0x10ffff))}'`;
}

/** Sorted: clients say theirs in any order, and the image's id must not depend on it. */
export function mergeLabels(
  own: Readonly<Record<string, string>> | null | undefined,
  given: ReadonlyMap<string, string>,
): Record<string, string> {
  const all = new Map([...Object.entries(own ?? {}), ...given]);
  return Object.fromEntries([...all].sort(([one], [other]) => (one < other ? -1 : 1)));
}
