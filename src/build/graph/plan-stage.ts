import { posix } from "node:path";
import { parseExposedPorts } from "../../dockerfile/exposed-ports.ts";
import type { Arg, Expose, Instruction, Workdir } from "../../dockerfile/instructions.ts";
import { parseTrigger } from "../../dockerfile/parse.ts";
import { cleanPath } from "../../formats/bind-spec.ts";
import { planTransfer } from "./plan-copy.ts";
import { planRun } from "./plan-run.ts";
import { expandIn, expandListIn } from "./scope.ts";
import {
  addEnvironment,
  addLabels,
  addPorts,
  addVolumes,
  setAuthor,
  setCmd,
  setEntrypoint,
  setHealthCheck,
  setShell,
  setStopSignal,
  setUser,
} from "./settings.ts";
import { absolutePath, addHistory, addStep, type Planning, type StagePlan } from "./stage.ts";

/** Does to a stage's plan what an instruction says. @throws EngineError invalid */
export async function planInstruction(
  planning: Planning,
  stage: StagePlan,
  instruction: Instruction,
): Promise<void> {
  const said = { sourceDate: planning.options.sourceDate };
  const expand = (word: string) => expandIn(stage.scope, word);
  const expandPairs = (pairs: readonly { key: string; value: string }[]) =>
    pairs.map(({ key, value }) => [expand(key), expand(value)] as const);
  switch (instruction.kind) {
    case "run":
      return planRun(planning, stage, instruction);
    case "copy":
    case "add":
      return planTransfer(planning, stage, instruction);
    case "workdir":
      return planWorkdir(planning, stage, instruction);
    case "arg":
      return declareArgs(planning, stage, instruction);
    case "env":
      return addEnvironment(stage, expandPairs(instruction.pairs), said);
    case "label":
      return addLabels(stage, expandPairs(instruction.pairs), said);
    case "cmd":
      return setCmd(stage, instruction.command, said);
    case "entrypoint":
      return setEntrypoint(stage, instruction.command, said);
    case "shell":
      return setShell(stage, instruction.args, said);
    case "user":
      return setUser(stage, expand(instruction.user), said);
    case "expose":
      return addPorts(stage, expandPorts(stage, instruction), said);
    case "volume":
      return addVolumes(stage, instruction.paths.map(expand), said);
    case "stopsignal":
      return setStopSignal(stage, expand(instruction.signal), said);
    case "maintainer":
      return setAuthor(stage, instruction.author, said);
    case "healthcheck":
      return setHealthCheck(stage, instruction, said);
    case "onbuild":
      stage.settings.OnBuild = [...(stage.settings.OnBuild ?? []), instruction.text];
  }
}

/** Does what the base image wants done in images that are built on it. */
export async function planTriggers(planning: Planning, stage: StagePlan): Promise<void> {
  const triggers = stage.settings.OnBuild ?? [];
  delete stage.settings.OnBuild;
  for (const text of triggers) {
    const first = stage.steps.length;
    await planInstruction(planning, stage, parseTrigger(text));
    for (const step of stage.steps.slice(first)) step.text = `ONBUILD ${step.text}`;
  }
}

/** What they say is for the scanner of a build's content: the history has it, and neither commands nor instructions see it. */
const scannerArgs = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

/** A value comes from the client, the default, or the global argument of that name, as those of the platform are. */
function declareArgs(planning: Planning, stage: StagePlan, { args }: Arg): void {
  const { options, globals } = planning;
  const said: string[] = [];
  for (const { name, value } of args) {
    // A default that is not wanted may well be one that fails.
    const byDefault = () => (value === undefined ? globals.get(name) : expandIn(stage.scope, value));
    const known = options.buildArgs.get(name) ?? byDefault();
    stage.scope.args.delete(name);
    stage.scope.args.set(name, known);
    if (known !== undefined && !scannerArgs.has(name)) stage.scope.values.set(name, known);
    stage.declaredArgs.add(name);
    said.push(known === undefined ? name : `${name}=${known}`);
  }
  addHistory(stage, `ARG ${said.join(" ")}`, { hasLayer: false, sourceDate: options.sourceDate });
}

function planWorkdir(planning: Planning, stage: StagePlan, instruction: Workdir): void {
  const given = expandIn(stage.scope, instruction.path);
  const path = cleanPath(posix.normalize(absolutePath(stage, given)));
  stage.settings.WorkingDir = path;
  const hasLayer = path !== "/";
  if (hasLayer) {
    // As with BuildKit, `--no-cache` does not make it again: nothing but what is below it decides what comes of it.
    const node = {
      kind: "workdir" as const,
      name: "",
      range: instruction.range,
      base: stage.node,
      path,
      user: stage.settings.User ?? "",
    };
    addStep(stage, node, instruction);
  }
  addHistory(stage, `WORKDIR ${path}`, { hasLayer, sourceDate: planning.options.sourceDate });
}

function expandPorts(stage: StagePlan, { ports }: Expose): string[] {
  return ports.flatMap((word) => expandListIn(stage.scope, word)).flatMap(parseExposedPorts);
}
