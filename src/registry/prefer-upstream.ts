import { EngineError, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { RegistryError } from "./errors.ts";

/** With something of its own to give, a mirror does not wait longer for the upstream. */
const patienceMilliseconds = 5000;
/** An upstream that could not be reached is left alone for this long, where there is something to give without it. */
const restMilliseconds = 10_000;

/** The code of the answer for what the upstream does not have. */
type UnknownCode = "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN" | "NAME_UNKNOWN";

/**
 * Asks the upstream, unless it is down and there is something of the mirror's own to give.
 * @throws RegistryError with `unknown` for what the upstream does not have
 */
export type PreferUpstream = <T>(
  unknown: UnknownCode,
  ask: (signal?: AbortSignal) => Promise<T>,
  own?: T,
) => Promise<T>;

export function createPreference(origin: string, logger: Logger): PreferUpstream {
  let downUntil = 0;
  return async (unknown, ask, own) => {
    if (own !== undefined && Date.now() < downUntil) return own;
    try {
      return await ask(own === undefined ? undefined : AbortSignal.timeout(patienceMilliseconds));
    } catch (error) {
      const isDown = !(error instanceof EngineError) || error.kind === "unavailable";
      if (own === undefined || !isDown) throw toClientError(error, origin, unknown);
      logger.warn({ upstream: origin, error: messageOf(error) }, "the upstream is down");
      downUntil = Date.now() + restMilliseconds;
      return own;
    }
  };
}

/** An upstream's refusal as an answer of ours. */
function toClientError(error: unknown, origin: string, unknown: UnknownCode): RegistryError {
  if (error instanceof RegistryError) return error;
  const message = `${origin}: ${messageOf(error)}`;
  const kind = error instanceof EngineError ? error.kind : undefined;
  if (kind === "notFound") return new RegistryError(unknown, message, { cause: error });
  if (kind === "unauthorized" || kind === "forbidden")
    return new RegistryError("DENIED", message, { cause: error });
  return new RegistryError("UNAVAILABLE", message, { cause: error });
}
