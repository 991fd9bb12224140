import { ApiError } from "../client/api-error.ts";
import { EmptyNameError } from "../client/encode-id.ts";
import {
  executeTemplate,
  parseTemplate,
  type Template,
  TemplateError,
} from "../formats/go-template/go-template.ts";
import { type InspectType, typeJson } from "../formats/go-template/inspect-types.ts";
import { indentJson } from "../formats/json-indent.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";

export interface InspectedObject {
  type: InspectType;
  /** As the daemon sent it. */
  text: string;
}

/**
 * Prints what was found, as one JSON array or a template's text per object, and after it what was not found.
 * Gives the exit code.
 */
export async function inspectObjects(
  cli: Cli,
  names: readonly string[],
  format: string,
  get: (name: string) => Promise<InspectedObject>,
): Promise<number> {
  const template = format === "" || format === "json" ? undefined : parseInspectTemplate(format);
  const found: string[] = [];
  const errors: string[] = [];
  let output = "";
  for (const name of names) {
    try {
      const object = await get(name);
      if (template === undefined) found.push(object.text.trim());
      else output += `${applyTemplate(template, object)}\n`;
    } catch (error) {
      if (error instanceof TemplateError) output += "\n";
      if (error instanceof TemplateError) errors.push(`template parsing error: ${error.message}`);
      else if (error instanceof ApiError) errors.push(`Error response from daemon: ${error.message}`);
      else if (error instanceof ExitError || error instanceof EmptyNameError) errors.push(error.message);
      else throw error;
    }
  }
  if (template === undefined) {
    const list = `[${found.join(",")}]`;
    output = `${format === "json" ? list : indentJson(list, "    ")}\n`;
  }
  cli.stdout.write(output);
  for (const error of errors) cli.warn(error);
  return errors.length > 0 ? 1 : 0;
}

function parseInspectTemplate(format: string): Template {
  try {
    return parseTemplate(format);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(64, `template parsing error: ${error.message}`);
  }
}

/** First against the known types; what these do not have is looked for in the JSON as it came. */
function applyTemplate(template: Template, object: InspectedObject): string {
  const json: unknown = JSON.parse(object.text);
  try {
    return executeTemplate(template, typeJson(json, object.type));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return executeTemplate(template, json, { missingKey: "error" });
  }
}
