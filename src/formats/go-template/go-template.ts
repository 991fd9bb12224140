import { evaluateTemplate, type TemplateOptions } from "./go-template-eval.ts";
import { type TemplateFunction, templateFunctions } from "./go-template-functions.ts";
import type { Template } from "./go-template-nodes.ts";
import { parseTemplateNodes } from "./go-template-parser.ts";

export { headerFunctions } from "./go-template-functions.ts";
export { type Template, TemplateError } from "./go-template-nodes.ts";
export {
  formatJson,
  type GoStruct,
  goMap,
  goNilSlice,
  goRow,
  goRows,
  goStruct,
} from "./go-template-values.ts";

/** @throws TemplateError in Go's words (`template: :1: unclosed action`). */
export function parseTemplate(
  source: string,
  functions: Readonly<Record<string, TemplateFunction>> = templateFunctions,
): Template {
  return { source, ...parseTemplateNodes(source, (name) => Object.hasOwn(functions, name)) };
}

/**
 * Plain objects are maps, so a name they lack prints `<no value>`; use `goStruct` where it must be an error.
 * @throws TemplateError in Go's words.
 */
export function executeTemplate(
  template: Template,
  data: unknown,
  options: TemplateOptions & { functions?: Readonly<Record<string, TemplateFunction>> } = {},
): string {
  const functions = options.functions ?? templateFunctions;
  return evaluateTemplate(template, functions, data, options);
}
