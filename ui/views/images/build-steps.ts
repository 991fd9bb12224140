import type { ProgressMessage } from "../../../src/formats/docker-api/docker-api.ts";

export interface BuildStep {
  title: string;
  lines: readonly string[];
  state: "running" | "done" | "failed";
}

/** How far a build is. */
export interface BuildState {
  steps: readonly BuildStep[];
  failure: string;
  /** The image's id, once there is one. */
  image: string;
}

export const noBuild: BuildState = { steps: [], failure: "", image: "" };

const mostLines = 2000;

/** What a message of the classic builder's stream makes of it. */
export function takeMessage(state: BuildState, message: ProgressMessage): BuildState {
  if (message.error) return { ...finishStep(state, "failed"), failure: message.error };
  const { ID } = (message.aux ?? {}) as { ID?: string };
  if (ID) return { ...finishStep(state, "done"), image: ID };
  return (message.stream ?? message.status ?? "")
    .replace(/\n$/, "")
    .split("\n")
    .filter((line) => line !== "")
    .reduce(takeLine, state);
}

/** Its messages have ended. @param failure says why, where neither an image nor an error was the last of them */
export function endBuild(state: BuildState, failure: string): BuildState {
  return state.image || state.failure ? state : { ...finishStep(state, "failed"), failure };
}

function takeLine(state: BuildState, line: string): BuildState {
  if (/^Step \d+\/\d+ : /.test(line)) {
    const { steps } = finishStep(state, "done");
    return { ...state, steps: [...steps, { title: line, lines: [], state: "running" }] };
  }
  const last = state.steps.at(-1) ?? { title: "", lines: [], state: "running" as const };
  const lines = [...last.lines, line].slice(-mostLines);
  return { ...state, steps: [...state.steps.slice(0, -1), { ...last, lines }] };
}

function finishStep(state: BuildState, end: BuildStep["state"]): BuildState {
  const last = state.steps.at(-1);
  if (last?.state !== "running") return state;
  return { ...state, steps: [...state.steps.slice(0, -1), { ...last, state: end }] };
}
