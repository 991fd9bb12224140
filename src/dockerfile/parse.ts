import { EngineError, invalid } from "../errors.ts";
import { findCheck, findSyntax } from "./directives.ts";
import type { Arg, Dockerfile, From, Instruction, Stage } from "./instructions.ts";
import { parseArg, parseEnv, parseLabel } from "./parse-assignment.ts";
import { parseCmd, parseEntrypoint, parseHealthCheck, parseRun, parseShell } from "./parse-command.ts";
import { DockerfileError } from "./parse-error.ts";
import { parseFrom, parseOnBuild } from "./parse-stage.ts";
import { parseAdd, parseCopy } from "./parse-transfer.ts";
import {
  parseExpose,
  parseMaintainer,
  parseStopSignal,
  parseUser,
  parseVolume,
  parseWorkdir,
} from "./parse-words.ts";
import { keywords, readStatements, type Statement } from "./statements.ts";
import { suggestInCase } from "./suggest.ts";

const parsers = new Map<string, (statement: Statement) => Instruction | From>([
  ["ADD", parseAdd],
  ["ARG", parseArg],
  ["CMD", parseCmd],
  ["COPY", parseCopy],
  ["ENTRYPOINT", parseEntrypoint],
  ["ENV", parseEnv],
  ["EXPOSE", parseExpose],
  ["FROM", parseFrom],
  ["HEALTHCHECK", parseHealthCheck],
  ["LABEL", parseLabel],
  ["MAINTAINER", parseMaintainer],
  ["ONBUILD", parseOnBuild],
  ["RUN", parseRun],
  ["SHELL", parseShell],
  ["STOPSIGNAL", parseStopSignal],
  ["USER", parseUser],
  ["VOLUME", parseVolume],
  ["WORKDIR", parseWorkdir],
]);

/** More than this, and what is asked of each stage and of all below it would take its time. */
const mostStages = 1000;

/** @throws DockerfileError, in BuildKit's words: the first thing that cannot be taken apart, or else the first that makes no sense */
export function parseDockerfile(text: string): Dockerfile {
  const { statements, escaper } = readStatements(text);
  const globalArgs: Arg[] = [];
  const stages: Stage[] = [];
  for (const statement of statements) {
    const instruction = parseInstruction(statement);
    const stage = stages.at(-1);
    if (instruction.kind === "from") {
      if (stages.length === mostStages)
        throw new DockerfileError(`a Dockerfile has ${mostStages} stages at most`, statement.range);
      const name = instruction.alias?.toLowerCase();
      stages.push({ index: stages.length, name, from: instruction, instructions: [] });
    } else if (stage) {
      refuseVariables(instruction);
      stage.instructions.push(instruction);
    } else if (instruction.kind === "arg") globalArgs.push(instruction);
    else throw new DockerfileError("no build stage in current context", statement.range);
  }
  if (stages.length === 0) throw new DockerfileError("dockerfile contains no stages to build", undefined);
  const [syntax, check] = [findSyntax(text), findCheck(text)];
  return { text, ...(syntax && { syntax }), escape: escaper, ...(check && { check }), globalArgs, stages };
}

/** Stages are linked before variables are known. */
function refuseVariables(instruction: Instruction): void {
  if (instruction.kind !== "copy" || !/\$./.test(instruction.from ?? "")) return;
  throw new DockerfileError(
    "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
    instruction.range,
  );
}

/**
 * What an image's ONBUILD asks of the build upon it. The escape character is the default one, whatever the Dockerfile says.
 * @throws DockerfileError when it is no instruction, or more than one
 */
export function parseTrigger(text: string): Instruction {
  const { statements } = readStatements(text);
  const [statement, ...others] = statements;
  if (statement === undefined || others.length > 0)
    throw new DockerfileError("onbuild trigger should be a single expression", undefined);
  const instruction = parseInstruction(statement);
  if (instruction.kind !== "from") return instruction;
  throw new DockerfileError("FROM isn't allowed as an ONBUILD trigger", undefined);
}

function parseInstruction(statement: Statement): Instruction | From {
  const { keyword, range } = statement;
  try {
    const parse = parsers.get(keyword.toUpperCase());
    if (!parse) throw invalid(suggestInCase(`unknown instruction: ${keyword}`, keyword, keywords));
    return parse(statement);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new DockerfileError(`dockerfile parse error on line ${range.start.line}: ${error.message}`, range);
  }
}
