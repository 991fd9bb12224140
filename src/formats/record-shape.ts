import { EngineError, invalid } from "../errors.ts";
import { decode, list, mapOf, type Shape, text } from "./shape.ts";

/*
 * Further shapes for what this engine stores itself: what is missing there is a damaged record, not an old client's brevity.
 */

/** A member that must be there. */
export function required<T>(shape: Shape<T>): Shape<T> {
  return {
    ...shape,
    zero: () => {
      throw invalid(`a member of type ${shape.type} is missing`);
    },
  };
}

/** One of these words; the first when it is absent. */
export function oneOf<const T extends string>(...words: T[]): Shape<T> {
  return {
    type: words.join("|"),
    zero: () => words[0]!,
    read(value, path) {
      const found = words.find((word) => word === text.read(value, path));
      if (found === undefined) throw invalid(`${JSON.stringify(value)} is not one of ${words.join(", ")}`);
      return found;
    },
  };
}

/** A list that is empty when it is absent. */
export function items<T>(item: Shape<T>, most = Number.POSITIVE_INFINITY): Shape<T[]> {
  return { ...(list(item, most) as Shape<T[]>), zero: () => [] };
}

/** A map that is empty when it is absent. */
export function entries<T>(item: Shape<T>, most = Number.POSITIVE_INFINITY): Shape<Record<string, T>> {
  return { ...(mapOf(item, most) as Shape<Record<string, T>>), zero: () => ({}) };
}

/** A kind of record for `state/`. */
export function kindOf<T>(name: string, shape: Shape<T>): { name: string; read: (value: unknown) => T } {
  return {
    name,
    read(value) {
      try {
        return decode(shape, value);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        throw invalid(`${name}: ${error.message}`, error);
      }
    },
  };
}
