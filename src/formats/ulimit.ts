import { invalid } from "../errors.ts";
import type { Ulimit } from "./docker-api/docker-api.ts";

const names = new Set([
  ...["core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss"],
  ...["rtprio", "rttime", "sigpending", "stack"],
]);

/** "nofile=1024:2048", as `--ulimit` takes it. @throws EngineError invalid in Docker's words */
export function parseUlimit(text: string): Ulimit {
  const [, name = "", values = ""] = /^([^=]*)=([\s\S]*)$/.exec(text) ?? [];
  if (!text.includes("=")) throw invalid(`invalid ulimit argument: ${text}`);
  if (!names.has(name)) throw invalid(`invalid ulimit type: ${name}`);
  const limits = values.split(":");
  if (limits.length > 2)
    throw invalid(`too many limit value arguments - ${values}, can only have up to two, \`soft[:hard]\``);
  const [soft = 0, hard = soft] = limits.map(parseLimit);
  if (hard !== -1 && soft > hard)
    throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  return { Name: name, Hard: hard, Soft: soft };
}

function parseLimit(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}
