import { callTemplateFunction, type Place } from "./go-template-call.ts";
import type { TemplateFunction } from "./go-template-functions.ts";
import {
  type Branch,
  formatCommand,
  formatOperand,
  formatTemplateCall,
  type Operand,
  type PathOperand,
  type Pipeline,
  soleField,
  type Template,
  type TemplateCommand,
  TemplateError,
  type TemplateNode,
} from "./go-template-nodes.ts";
import {
  argumentCountOf,
  callMethod,
  findMapEntries,
  findMapRecord,
  formatType,
  formatValue,
  isMethod,
  isStruct,
  isTrue,
  isTypedMap,
} from "./go-template-values.ts";

export interface TemplateOptions {
  /** "error" makes a missing map key an error instead of "no value". */
  missingKey?: "error";
}

interface State {
  source: string;
  definitions: ReadonlyMap<string, TemplateNode[]>;
  /** Of the template that is walked; "" for the outermost. */
  name: string;
  /** Templates within templates. */
  depth: number;
  functions: Readonly<Record<string, TemplateFunction>>;
  isKeyRequired: boolean;
  variables: { name: string; value: unknown }[];
  output: string[];
}

/** Stands for "no previous pipeline stage", since undefined is a value. */
const none = Symbol("none");
/** Go has a hundred thousand, and a deeper stack. */
const mostDepth = 500;
type Flow = "break" | "continue" | undefined;

/** @throws TemplateError in Go's words. */
export function evaluateTemplate(
  { source, nodes, definitions }: Template,
  functions: Readonly<Record<string, TemplateFunction>>,
  data: unknown,
  options: TemplateOptions,
): string {
  const state: State = {
    source,
    definitions,
    name: "",
    depth: 0,
    functions,
    isKeyRequired: options.missingKey === "error",
    variables: [{ name: "$", value: data }],
    output: [],
  };
  walkList(state, data, nodes);
  return state.output.join("");
}

function fail(state: State, at: Place, message: string): never {
  const before = state.source.slice(0, at.position);
  const line = before.split("\n").length;
  const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
  throw new TemplateError(
    `template: :${line}:${column}: executing "${state.name}" at <${at.text}>: ${message}`,
  );
}

const place = (operand: Operand): Place => ({ position: operand.position, text: formatOperand(operand) });

function walkList(state: State, dot: unknown, nodes: TemplateNode[]): Flow {
  for (const node of nodes) {
    const flow = walk(state, dot, node);
    if (flow !== undefined) return flow;
  }
  return undefined;
}

function walk(state: State, dot: unknown, node: TemplateNode): Flow {
  switch (node.type) {
    case "text":
      state.output.push(node.text);
      return undefined;
    case "action": {
      const field = soleField(node.pipeline);
      const value = field ? evaluatePath(state, dot, field) : evaluatePipeline(state, dot, node.pipeline);
      if (node.pipeline.variables.length > 0) return undefined;
      if (typeof value === "function")
        fail(state, { position: node.pipeline.position, text: "" }, "can't print function");
      state.output.push(value === undefined ? "<no value>" : formatValue(value));
      return undefined;
    }
    case "break":
    case "continue":
      return node.type;
    case "range":
      return walkRange(state, dot, node);
    case "template":
      walkTemplate(state, dot, node);
      return undefined;
    default: {
      const mark = state.variables.length;
      const value = evaluatePipeline(state, dot, node.pipeline);
      const isTaken = isTrue(value);
      const flow = isTaken
        ? walkList(state, node.type === "with" ? value : dot, node.body)
        : walkList(state, dot, node.otherwise);
      state.variables.length = mark;
      return flow;
    }
  }
}

function walkTemplate(state: State, dot: unknown, node: TemplateNode & { type: "template" }): void {
  const at = { position: node.position, text: formatTemplateCall(node) };
  const nodes =
    state.definitions.get(node.name) ?? fail(state, at, `template ${JSON.stringify(node.name)} not defined`);
  if (state.depth === mostDepth) fail(state, at, `exceeded maximum template depth (${mostDepth})`);
  const value = node.pipeline && evaluatePipeline(state, dot, node.pipeline);
  const { variables, name, depth } = state;
  Object.assign(state, { variables: [{ name: "$", value }], name: node.name, depth: depth + 1 });
  walkList(state, value, nodes);
  Object.assign(state, { variables, name, depth });
}

function walkRange(state: State, dot: unknown, node: Branch): Flow {
  const mark = state.variables.length;
  const { variables, isAssignment } = node.pipeline;
  const value = evaluatePipeline(state, dot, { ...node.pipeline, variables: [] });
  const items = rangeItems(state, node.pipeline, value);
  for (const [key, item] of items) {
    const values = variables.length === 1 ? [item] : [key, item];
    for (const [index, name] of variables.entries()) {
      if (isAssignment) assign(state, name, values[index]);
      else state.variables.push({ name, value: values[index] });
    }
    const flow = walkList(state, item, node.body);
    state.variables.length = mark;
    if (flow === "break") break;
  }
  return items.length === 0 ? walkList(state, dot, node.otherwise) : undefined;
}

function rangeItems(state: State, pipeline: Pipeline, value: unknown): [unknown, unknown][] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === "number") return Array.from({ length: value }, (_, index) => [index, index]);
  const entries = findMapEntries(value);
  if (entries !== undefined) return entries;
  const text = pipeline.commands.map(formatCommand).join(" | ");
  return fail(state, { position: pipeline.position, text }, `range can't iterate over ${formatValue(value)}`);
}

function assign(state: State, name: string, value: unknown) {
  const variable = state.variables.findLast((candidate) => candidate.name === name);
  if (variable !== undefined) variable.value = value;
}

function evaluatePipeline(state: State, dot: unknown, pipeline: Pipeline): unknown {
  let value: unknown = none;
  for (const command of pipeline.commands) {
    value = evaluateCommand(state, dot, command, value);
  }
  for (const name of pipeline.variables) {
    if (pipeline.isAssignment) assign(state, name, value);
    else state.variables.push({ name, value });
  }
  return value;
}

function evaluateCommand(state: State, dot: unknown, command: TemplateCommand, final: unknown): unknown {
  const { operands } = command;
  const first = operands[0]!;
  const hasArguments = operands.length > 1 || final !== none;
  const argumentsOf = () => evaluateArguments(state, dot, operands.slice(1), final);
  switch (first.type) {
    case "function":
      return callFunction(state, dot, command, first.name, operands.slice(1), final);
    case "field":
    case "variable":
    case "chain":
      return evaluatePath(state, dot, first, hasArguments ? argumentsOf : undefined);
    case "pipeline":
      if (hasArguments)
        fail(state, place(first), `can't give argument to non-function ${formatOperand(first)}`);
      return evaluatePipeline(state, dot, first.pipeline);
    case "nil":
      return fail(state, place(first), "nil is not a command");
    default:
      if (hasArguments)
        fail(state, place(first), `can't give argument to non-function ${formatOperand(first)}`);
      return first.type === "dot" ? dot : first.value;
  }
}

function evaluateArguments(state: State, dot: unknown, operands: Operand[], final: unknown): unknown[] {
  const values = operands.map((operand) => evaluateOperand(state, dot, operand));
  return final === none ? values : [...values, final];
}

function evaluateOperand(state: State, dot: unknown, operand: Operand): unknown {
  if (operand.type === "nil") return null;
  return evaluateCommand(state, dot, { position: operand.position, operands: [operand] }, none);
}

function callFunction(
  state: State,
  dot: unknown,
  command: TemplateCommand,
  name: string,
  operands: Operand[],
  final: unknown,
): unknown {
  if ((name === "and" || name === "or") && operands.length > 0) {
    let value: unknown;
    for (const operand of operands) {
      value = evaluateOperand(state, dot, operand);
      if (isTrue(value) === (name === "or")) return value;
    }
    return final === none ? value : final;
  }
  const values = evaluateArguments(state, dot, operands, final);
  return callTemplateFunction(name, state.functions[name]!, command, values, (at, message) =>
    fail(state, at, message),
  );
}

const noValues: readonly unknown[] = [];
const noArguments = () => noValues;

/** Follows `.A.B`, `$v.A.B` and `(…).A.B`; only the last name may take arguments. */
function evaluatePath(state: State, dot: unknown, operand: PathOperand, argumentsOf = noArguments): unknown {
  let value = dot;
  if (operand.type === "variable") {
    value = state.variables.findLast((candidate) => candidate.name === operand.name)?.value;
  } else if (operand.type === "chain") {
    value = evaluateOperand(state, dot, operand.base);
  }
  if (operand.path.length === 0) {
    if (argumentsOf().length > 0)
      fail(state, place(operand), `can't give argument to non-function ${formatOperand(operand)}`);
    return value;
  }
  const last = operand.path.length - 1;
  for (let index = 0; index < last; index++)
    value = evaluateField(state, operand, value, operand.path[index]!, noValues);
  return evaluateField(state, operand, value, operand.path[last]!, argumentsOf());
}

function evaluateField(
  state: State,
  operand: Operand,
  receiver: unknown,
  name: string,
  values: readonly unknown[],
): unknown {
  const refuse = (message: string) => fail(state, place(operand), message);
  if (receiver === undefined) {
    return state.isKeyRequired ? refuse(`nil data; no entry for key "${name}"`) : undefined;
  }
  if (receiver === null) return refuse(`nil pointer evaluating interface {}.${name}`);
  if (isStruct(receiver)) {
    if (!Object.hasOwn(receiver.fields, name)) {
      return refuse(`can't evaluate field ${name} in type ${receiver.type}`);
    }
    const field = receiver.fields[name];
    if (!isMethod(field)) {
      return values.length > 0 ? refuse(`${name} has arguments but cannot be invoked as function`) : field;
    }
    const wanted = argumentCountOf(receiver, field);
    if (wanted === values.length) return callMethod(receiver, field, values);
    return refuse(`wrong number of args for ${name}: want ${wanted} got ${values.length}`);
  }
  const map = findMapRecord(receiver);
  if (map === undefined) {
    // Whatever is found in raw JSON is an interface to Go.
    const type = state.isKeyRequired ? "interface {}" : formatType(receiver);
    return refuse(`can't evaluate field ${name} in type ${type}`);
  }
  const value = Object.hasOwn(map, name) ? map[name] : undefined;
  if (typeof value === "function") return value(...values);
  if (values.length > 0) refuse(`${name} is not a method but has arguments`);
  if (Object.hasOwn(map, name)) return value === null && !isTypedMap(receiver) ? undefined : value;
  return state.isKeyRequired ? refuse(`map has no entry for key "${name}"`) : undefined;
}
