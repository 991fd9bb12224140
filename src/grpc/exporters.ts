import { readFlag } from "../build/export/flags.ts";
import type { BuiltResult } from "../build/export/image.ts";
import type { BuildFacts } from "../build/export/provenance.ts";
import { parseEpoch } from "../build/options.ts";
import type { SolvedImage } from "../build/solve/solving.ts";
import type { SolveRequest } from "../buildkit/messages/control.ts";
import type { Job, ResultRef } from "./jobs.ts";

/** What a build has made, with the layers that it has come to. */
export interface Built extends ResultRef, SolvedImage, Pick<BuiltResult, "inlineCache"> {}

export interface Exporter {
  type: string;
  attrs: Map<string, string>;
  /** Its place among them. */
  index: number;
}

/** What the client is answered. */
export type ExportResponse = Map<string, string>;

/** Older clients know one exporter only. */
export function exportersOf(request: SolveRequest): { type: string; attrs: Map<string, string> }[] {
  if (request.exporters.length > 0) return request.exporters;
  return request.exporter === "" ? [] : [{ type: request.exporter, attrs: request.exporterAttrs }];
}

/** The date of an exporter, or else of the build. @returns milliseconds since the epoch @throws EngineError invalid */
export function dateOf({ build }: Built, { attrs }: Exporter): number | undefined {
  const own = attrs.get("source-date-epoch");
  return own === undefined ? build.options.sourceDate : parseEpoch(own);
}

/** What of a build is said beside its result; undefined when that is not asked for. */
export function factsOf(
  { ref }: Job,
  { build, image }: ResultRef,
  { names, startedAt }: { names: readonly string[]; startedAt: number },
): BuildFacts | undefined {
  const { options, prepared, fetched } = build;
  const { provenance } = options;
  if (!provenance) return undefined;
  return {
    ...{ options: { ...options, provenance }, file: prepared.file, image, names },
    ...{ fetched, invocation: ref, startedAt, finishedAt: Date.now() },
  };
}

/** What one exporter answers. */
export interface ExporterAnswer {
  /** Into a directory of the client's. */
  isLayout: boolean;
  response: ExportResponse;
}

export const isLayoutOf = ({ type, attrs }: Pick<Exporter, "type" | "attrs">) =>
  (type === "oci" || type === "docker") && !readFlag(attrs, "tar", true);

/** Clients put what these say into the index of the directory that a layout has come to. */
const layoutKeys = ["containerimage.descriptor", "image.name"];

/** Of several exporters the last one counts; what is in the index of a layout is the layout's, and what else is said that of the others. */
export function joinAnswers(answers: readonly ExporterAnswer[]): ExportResponse {
  const layout = answers.findLast(({ isLayout }) => isLayout)?.response;
  const others = answers.filter(({ isLayout }) => !isLayout);
  const joined = new Map([...(layout ?? []), ...others.flatMap(({ response }) => [...response])]);
  for (const key of layout ? layoutKeys : []) {
    const value = layout?.get(key);
    if (value === undefined) joined.delete(key);
    else joined.set(key, value);
  }
  return joined;
}
