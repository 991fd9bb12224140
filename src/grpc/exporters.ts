import type { BuiltResult } from "../build/export/image.ts";
import { parseEpoch } from "../build/options.ts";
import type { SolvedImage } from "../build/solve/solving.ts";
import type { SolveRequest } from "../buildkit/messages/control.ts";
import type { ResultRef } from "./jobs.ts";

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
