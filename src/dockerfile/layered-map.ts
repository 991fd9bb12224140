/**
 * Names and values on top of those of another map, which stays as it is: a stage's, on those of the stage that it goes on from. A copy
 * for each would cost the square of a long chain.
 */
export class LayeredMap<Value> {
  readonly #own = new Map<string, Value>();
  readonly #below: LayeredMap<Value> | undefined;

  constructor(below?: LayeredMap<Value>) {
    this.#below = below;
  }

  get(name: string): Value | undefined {
    for (let layer: LayeredMap<Value> | undefined = this; layer; layer = layer.#below)
      if (layer.#own.has(name)) return layer.#own.get(name);
    return undefined;
  }

  set(name: string, value: Value): void {
    this.#own.set(name, value);
  }

  /** The lowest layer first; a name that is in several comes several times. */
  *keys(): Generator<string> {
    const layers: LayeredMap<Value>[] = [];
    for (let layer: LayeredMap<Value> | undefined = this; layer; layer = layer.#below) layers.push(layer);
    for (const layer of layers.toReversed()) yield* layer.#own.keys();
  }
}

/** Of "NAME=VALUE". */
export function layerOf(list: readonly string[]): LayeredMap<string> {
  const map = new LayeredMap<string>();
  for (const entry of list) {
    const equals = entry.indexOf("=");
    map.set(equals < 0 ? entry : entry.slice(0, equals), equals < 0 ? "" : entry.slice(equals + 1));
  }
  return map;
}
