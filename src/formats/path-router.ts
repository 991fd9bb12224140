import { match } from "path-to-regexp";

/** A path pattern: `:id` stands for one segment, `*name` for one or more. */
type Route = readonly [method: string, pattern: string, ...rest: unknown[]];

/** A route, and what stands in the path where its pattern has names. */
export interface Routed<R extends Route> {
  route: R;
  parameters: Record<string, string>;
}

/**
 * Finds the first route that fits a request's method and path; undefined when none does.
 * @param mayEndInSlash a slash at the end makes no difference
 * @throws URIError for a parameter that is not percent-encoded correctly
 */
export function createPathRouter<R extends Route>(
  routes: readonly R[],
  { mayEndInSlash }: { mayEndInSlash: boolean },
): (method: string, path: string) => Routed<R> | undefined {
  const options = { sensitive: true, trailing: mayEndInSlash, decode };
  const byMethod = Map.groupBy(
    routes.map((route) => {
      const pattern = mayEndInSlash ? route[1].replace(/\/$/, "") : route[1];
      return { route, match: match(pattern, options) };
    }),
    ({ route }) => route[0],
  );
  return (method, path) => {
    for (const { route, match } of byMethod.get(method) ?? []) {
      const found = match(path);
      if (!found) continue;
      const parameters = Object.entries(found.params).map(([name, value]) => [
        name,
        [value].flat().join("/"),
      ]);
      return { route, parameters: Object.fromEntries(parameters) };
    }
    return undefined;
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new URIError(`Failed to decode param '${text}'`, { cause: error });
  }
}

/** The path of a request's target, which may be a whole URL (RFC 9112, 3.2.2). */
export function pathOfTarget(target: string): string {
  const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(target)?.[0] ?? "";
  const path = target.slice(origin.length).replace(/[?#].*$/s, "");
  return path || "/";
}
