import { invalid } from "../../errors.ts";
import type { LayerPacking } from "../../images/push/compress-layer.ts";

/** Those above take up to 0.8 GB of memory for each layer, this one a tenth of that. */
const mostZstdLevel = 19;

/**
 * `compression=` and `compression-level=` of an exporter or a cache.
 * @returns undefined where neither is given @throws EngineError invalid
 */
export function readPacking(attrs: ReadonlyMap<string, string>): LayerPacking | undefined {
  const type = attrs.get("compression") ?? "";
  const level = attrs.get("compression-level") ?? "";
  if (type === "uncompressed") return { type: "none" };
  if (type === "" && level === "") return undefined;
  if (type !== "" && type !== "gzip" && type !== "zstd")
    throw invalid(`unsupported compression type ${type}: use gzip, zstd or uncompressed`);
  const known = type || "gzip";
  if (level === "") return { type: known };
  const [number, most] = [Number(level), known === "gzip" ? 9 : 22];
  if (!/^\d+$/.test(level) || number > most)
    throw invalid(`invalid compression-level ${JSON.stringify(level)}: 0 to ${most}`);
  return { type: known, level: known === "zstd" ? Math.min(number, mostZstdLevel) : number };
}
