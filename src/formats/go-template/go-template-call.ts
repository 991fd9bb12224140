import {
  functionArity,
  minimalArity,
  parameterTypes,
  type TemplateFunction,
} from "./go-template-functions.ts";
import {
  formatCommand,
  formatOperand,
  type Operand,
  type TemplateCommand,
  TemplateError,
} from "./go-template-nodes.ts";
import { formatType } from "./go-template-values.ts";

export interface Place {
  position: number;
  text: string;
}

export type Fail = (at: Place, message: string) => never;

const place = (operand: Operand): Place => ({ position: operand.position, text: formatOperand(operand) });

/** Calls a function of templates with values worked out before; says what is wrong with them as Go does. */
export function callTemplateFunction(
  name: string,
  target: TemplateFunction,
  command: TemplateCommand,
  values: readonly unknown[],
  fail: Fail,
): unknown {
  checkArguments(name, command, values, fail);
  const at: Place = { position: command.position, text: formatCommand(command) };
  if (name === "call" && typeof values[0] !== "function") {
    const operand = command.operands[1];
    const isNil = values[0] === undefined || values[0] === null;
    const what = operand === undefined ? "" : `${formatOperand(operand)} `;
    return fail(
      at,
      `error calling call: ${isNil ? "call of nil" : `non-function ${what}of type ${formatType(values[0])}`}`,
    );
  }
  try {
    return target(...values);
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    return fail(at, `error calling ${name}: ${error instanceof Error ? error.message : error}`);
  }
}

function checkArguments(
  name: string,
  command: TemplateCommand,
  values: readonly unknown[],
  fail: Fail,
): void {
  const arity = functionArity[name];
  const minimum = minimalArity[name] ?? 0;
  const head: Place = { position: command.position, text: name };
  if (arity !== undefined && values.length !== arity) {
    fail(head, `wrong number of args for ${name}: want ${arity} got ${values.length}`);
  }
  if (values.length < minimum)
    fail(head, `wrong number of args for ${name}: want at least ${minimum} got ${values.length}`);
  for (const [index, type] of (parameterTypes[name] ?? []).entries()) {
    const value = values[index];
    if (isOfType(value, type)) continue;
    const operand = command.operands[index + 1];
    if (operand?.type === "constant")
      fail(place(operand), `expected ${type === "int" ? "integer" : type}; found ${operand.text}`);
    const at =
      operand === undefined ? { position: command.position, text: formatCommand(command) } : place(operand);
    if (value === undefined || value === null) fail(at, `invalid value; expected ${type}`);
    fail(at, `wrong type for value; expected ${type}; got ${formatType(value)}`);
  }
}

function isOfType(value: unknown, type: "string" | "int" | "[]string"): boolean {
  if (type === "string") return typeof value === "string";
  if (type === "int") return typeof value === "number" && Number.isInteger(value);
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
