import { encodeImageName } from "../client/encode-name.ts";
import type { Query } from "../client/transport.ts";
import { createPathRouter, pathOfTarget } from "../formats/path-router.ts";
import { type Effect, operations } from "./operations.ts";
import { notHere, Refusal } from "./refusal.ts";

/** A request for the engine, made again from what was understood of the page's: nothing of its path is passed on as it came. */
export interface EngineCall {
  method: string;
  path: string;
  query: Query;
  effect: Effect;
}

const findRoute = createPathRouter(operations, { mayEndInSlash: false });
const longestTarget = 16 * 1024;

/**
 * @param target path and query, without the prefix of the proxy
 * @throws Refusal for what is not in the table; URIError
 */
export function matchOperation(method: string, target: string): EngineCall {
  if (target.length > longestTarget) throw new Refusal(414, "the request's target is too long");
  const found = findRoute(method, pathOfTarget(target));
  if (!found) throw notHere();
  const {
    route: [, pattern, effect],
    parameters,
  } = found;
  const path = pattern.replace(/([:*])(\w+)/g, (_, kind: string, name: string) => {
    const value = parameters[name] ?? "";
    checkParameter(value, kind === "*");
    return kind === "*" ? encodeImageName(value) : encodeURIComponent(value);
  });
  return { method, path, query: queryOf(target), effect };
}

/** A name has no part that is empty or leads elsewhere. @throws Refusal */
function checkParameter(value: string, mayHaveSlashes: boolean): void {
  const parts = mayHaveSlashes ? value.split("/") : [value];
  const isGood = (part: string) => part !== "" && !/^\.{1,2}$|[/\\\p{Cc}]/u.test(part);
  if (!parts.every(isGood)) throw notHere();
}

function queryOf(target: string): Query {
  const { searchParams } = new URL(target, "http://engine");
  const names = [...new Set(searchParams.keys())];
  return Object.fromEntries(names.map((name) => [name, searchParams.getAll(name)]));
}
