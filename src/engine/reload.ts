import { isDeepStrictEqual } from "node:util";
import type { Builder } from "../build/builder.ts";
import { maskProxy } from "../distribution/proxies.ts";
import type { Registries } from "../distribution/registries.ts";
import type { Events } from "../events/events.ts";
import type { Logger } from "../logger.ts";
import { completeEngineConfig, type EngineConfig } from "./config.ts";
import type { ImageGarbage } from "./image-garbage.ts";
import { reloadAttributes } from "./reload-attributes.ts";

/** What may change while the engine runs. */
const reloadable = [
  "debug",
  "logLevel",
  "runtimes",
  "runtimeArgs",
  "hasBuildKit",
  "defaultRuntime",
  "registries",
  "imageGarbage",
  "builder",
  "dns",
  "containerDefaults",
  "labels",
] as const;

/** What goes by the configuration, and where its reload is reported. */
interface Followers {
  registries: Registries;
  imageGarbage: ImageGarbage;
  builder: Builder;
  events: Events;
  logger: Logger;
}

/**
 * Takes over what is new in a configuration, as far as it can be without a restart, logs what that is, and publishes the event.
 * @param others keys besides the engine's that have changed, which need a restart
 * @throws EngineError invalid; then everything stays as it was
 */
export function reloadConfig(
  current: EngineConfig & { id: string },
  given: Partial<EngineConfig>,
  others: readonly string[],
  { registries, imageGarbage, builder, events, logger }: Followers,
): void {
  const next = completeEngineConfig(given);
  const differs = (key: keyof EngineConfig) => !isDeepStrictEqual(current[key], next[key]);
  const changed = reloadable.filter(differs);
  const own = (Object.keys(next) as (keyof EngineConfig)[]).filter(
    (key) => differs(key) && !reloadable.some((one) => one === key),
  );
  const waiting = [...own, ...others];
  const show = (config: EngineConfig) =>
    Object.fromEntries(changed.map((key) => [key, showable(config, key)]));
  const [from, to] = [show(current), show(next)];
  for (const key of changed) Object.assign(current, { [key]: next[key] });
  logger.level = current.logLevel;
  registries.reload(current.registries);
  imageGarbage.follow(current.imageGarbage);
  builder.onSettings();
  events.publish("daemon", "reload", current.id, reloadAttributes(current));
  if (waiting.length > 0)
    logger.warn({ keys: waiting }, "configuration: these keys need a restart of the daemon");
  logger.info(
    { from, to },
    changed.length > 0 ? "configuration reloaded" : "configuration reloaded: nothing is new",
  );
}

/** Without passwords. */
function showable(config: EngineConfig, key: keyof EngineConfig): unknown {
  if (key !== "registries") return config[key];
  const { proxies, ...rest } = config.registries;
  return { ...rest, proxies: maskProxy(proxies) };
}
