import { invalid } from "../errors.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import { locate, someArguments } from "./arguments.ts";
import { trimStart } from "./blanks.ts";
import { readFlags } from "./flags.ts";
import type { From, OnBuild } from "./instructions.ts";
import type { Statement } from "./statements.ts";

export function parseFrom(statement: Statement): From {
  const alias = readAlias(statement.args);
  const platform = readFlags(statement.flags, { platform: "once" }).platform?.[0];
  return {
    ...locate(statement),
    kind: "from",
    image: statement.args[0]!,
    ...(alias && { alias }),
    ...(platform && { platform }),
  };
}

function readAlias(args: readonly string[]): string | undefined {
  if (args.length === 1) return undefined;
  const [, as, alias] = args;
  if (args.length !== 3 || as?.toLowerCase() !== "as" || alias === undefined)
    throw invalid("FROM requires either one or three arguments");
  if (/^[a-z][a-z0-9-_.]*$/i.test(alias)) return alias;
  throw invalid(
    `invalid name for build stage: ${quoteGo(alias)}, name can't start with a number or contain symbols`,
  );
}

/** What is wrong with the trigger itself is not asked. */
export function parseOnBuild(statement: Statement): OnBuild {
  const trigger = someArguments(statement)[0]!.toUpperCase();
  readFlags(statement.flags, {});
  if (trigger === "ONBUILD") throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === "MAINTAINER" || trigger === "FROM")
    throw invalid(`${trigger} isn't allowed as an ONBUILD trigger`);
  const heredocs = statement.heredocs.map(({ written, name }) => `\n${written}${name}`);
  const own = trimStart(trimStart(statement.line).slice("ONBUILD".length));
  return { ...locate(statement), kind: "onbuild", text: own + heredocs.join("") };
}
