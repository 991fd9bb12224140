import { invalid } from "../../errors.ts";

/** What a plan has come to so far, all stages together: a small Dockerfile can ask for much. */
export interface PlanSize {
  characters: number;
  /** Settings and history that stages have of what they go on from. */
  inherited: number;
  /** Of COPY and ADD. */
  sources: number;
}

export const newPlanSize = (): PlanSize => ({ characters: 0, inherited: 0, sources: 0 });

const most = { characters: 1 << 26, inherited: 500_000, sources: 20_000 };

/** Counts text that variables have gone into. @throws EngineError invalid */
export function countText(size: PlanSize, length: number): void {
  size.characters += length;
  if (size.characters > most.characters)
    throw invalid(
      `with all variables replaced, the instructions come to more than ${most.characters} characters`,
    );
}

/** Counts what a stage takes over. @throws EngineError invalid */
export function countInherited(size: PlanSize, entries: number): void {
  size.inherited += entries;
  if (size.inherited > most.inherited)
    throw invalid(`stages take over more than ${most.inherited} settings and lines of history from others`);
}

/** Counts what an instruction copies from. @throws EngineError invalid */
export function countSources(size: PlanSize, sources: number): void {
  size.sources += sources;
  if (size.sources > most.sources)
    throw invalid(`the instructions have more than ${most.sources} sources to copy from`);
}
