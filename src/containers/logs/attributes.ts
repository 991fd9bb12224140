import { invalid } from "../../errors.ts";
import { compileNamePattern } from "../../formats/name-pattern.ts";
import type { ContainerRecord } from "../container.ts";
import type { DriverOptions } from "./file-options.ts";
import { checkTag, formatTag } from "./tag.ts";

export const attributeOptions = ["env", "env-regex", "labels", "labels-regex", "tag"] as const;

/**
 * What of a container's labels and environment its log is to carry, by name.
 * @throws EngineError invalid for an expression that is too large
 */
export function selectAttributes(record: ContainerRecord, options: DriverOptions): Record<string, string> {
  const labels = Object.entries(record.config.Labels ?? {});
  const variables = (record.config.Env ?? []).flatMap((text) => {
    const at = text.indexOf("=");
    return at > 0 ? [[text.slice(0, at), text.slice(at + 1)] as [string, string]] : [];
  });
  return Object.fromEntries([
    ...select(labels, options.labels, options["labels-regex"]),
    ...select(variables, options.env, options["env-regex"]),
  ]);
}

function select(all: [string, string][], names: string | undefined, pattern: string | undefined) {
  const listed = new Set((names ?? "").split(",").filter(Boolean));
  const matches = pattern ? compileNamePattern(pattern) : () => false;
  return all.filter(([name]) => listed.has(name) || matches(name));
}

/** The same with the tag, as the entries of a file carry it; undefined when there is nothing. */
export function describeAttributes(record: ContainerRecord, options: DriverOptions): string | undefined {
  const selected = selectAttributes(record, options);
  if (options.tag) selected.tag = formatTag(record, options.tag);
  return Object.keys(selected).length > 0 ? JSON.stringify(selected) : undefined;
}

/** @throws EngineError invalid */
export function checkAttributes(options: DriverOptions): void {
  for (const name of ["labels-regex", "env-regex"]) checkPattern(name, options[name] ?? "");
  if ((options.tag?.length ?? 0) > longestTag) throw invalid("invalid value for log opt 'tag': too long");
  checkTag(options.tag ?? "");
}

const longestTag = 4096;

function checkPattern(name: string, text: string): void {
  try {
    compileNamePattern(text);
  } catch (error) {
    throw invalid(`invalid value for log opt '${name}': expression is too large`, error);
  }
}
