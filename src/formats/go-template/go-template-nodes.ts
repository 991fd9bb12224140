export type Operand =
  | { type: "field"; position: number; path: string[] }
  | { type: "variable"; position: number; name: string; path: string[] }
  | { type: "chain"; position: number; base: Operand; path: string[] }
  | { type: "function"; position: number; name: string }
  | { type: "constant"; position: number; text: string; value: string | number | boolean }
  | { type: "dot"; position: number }
  | { type: "nil"; position: number }
  | { type: "pipeline"; position: number; pipeline: Pipeline };

/** What names lead on from: `.A.B`, `$v.A.B` and `(…).A.B`. */
export type PathOperand = Extract<Operand, { path: string[] }>;

export interface TemplateCommand {
  position: number;
  operands: Operand[];
}

export interface Pipeline {
  position: number;
  variables: string[];
  isAssignment: boolean;
  commands: TemplateCommand[];
}

export type Branch = {
  type: "if" | "with" | "range";
  position: number;
  pipeline: Pipeline;
  body: TemplateNode[];
  otherwise: TemplateNode[];
};

export type TemplateNode =
  | { type: "text"; text: string }
  | { type: "action"; pipeline: Pipeline }
  | { type: "break" | "continue" }
  | { type: "template"; position: number; name: string; pipeline: Pipeline | undefined }
  | Branch;

/** A parsed template of Go's text/template. */
export interface Template {
  readonly source: string;
  readonly nodes: TemplateNode[];
  /** By name: the templates within it. */
  readonly definitions: ReadonlyMap<string, TemplateNode[]>;
}

/** Wrong template: parse or execution. `message` is what Go prints. */
export class TemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TemplateError";
  }
}

/** The operand as Go prints it in messages: `at <.State.Foo>`. */
export function formatOperand(operand: Operand): string {
  const path = (names: string[]) => names.map((name) => `.${name}`).join("");
  switch (operand.type) {
    case "field":
      return path(operand.path);
    case "variable":
      return operand.name + path(operand.path);
    case "chain":
      return (
        (operand.base.type === "pipeline"
          ? `(${formatPipeline(operand.base.pipeline)})`
          : formatOperand(operand.base)) + path(operand.path)
      );
    case "function":
      return operand.name;
    case "constant":
      return operand.text;
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "pipeline":
      return `(${formatPipeline(operand.pipeline)})`;
  }
}

export function formatCommand(command: TemplateCommand): string {
  return command.operands.map(formatOperand).join(" ");
}

function formatPipeline(pipeline: Pipeline): string {
  const sign = pipeline.isAssignment ? " = " : " := ";
  const head = pipeline.variables.length > 0 ? pipeline.variables.join(", ") + sign : "";
  return head + pipeline.commands.map(formatCommand).join(" | ");
}

export function formatTemplateCall({ name, pipeline }: TemplateNode & { type: "template" }): string {
  return `{{template ${JSON.stringify(name)}${pipeline ? ` ${formatPipeline(pipeline)}` : ""}}}`;
}

/** Of `{{.Name}}`, as nearly all of a table's columns are: thousands of rows take the short way. */
export function soleField({ commands, variables }: Pipeline): PathOperand | undefined {
  if (commands.length !== 1 || variables.length > 0) return undefined;
  const { operands } = commands[0]!;
  const [first] = operands;
  return operands.length === 1 && first?.type === "field" ? first : undefined;
}
