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
 * @throws RegistryError with `unknown` for what the upstream does not have; whatever else `ask` throws that is not the upstream's
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
    const signal = own === undefined ? undefined : AbortSignal.timeout(patienceMilliseconds);
    try {
      return await ask(signal);
    } catch (error) {
      if (own === undefined || !isDown(error, signal)) throw toClientError(error, origin, unknown);
      logger.warn({ upstream: origin, error: messageOf(error) }, "the upstream is down");
      downUntil = Date.now() + restMilliseconds;
      return own;
    }
  };
}

/** It does not answer. What goes wrong in the mirror itself with an answer says nothing of the upstream's other tags. */
function isDown(error: unknown, signal: AbortSignal | undefined): boolean {
  if (error instanceof EngineError) return error.kind === "unavailable";
  return !(error instanceof RegistryError) && signal?.aborted === true;
}

/** An upstream's refusal as an answer of ours; what is none is returned as it is. */
function toClientError(error: unknown, origin: string, unknown: UnknownCode): unknown {
  if (!(error instanceof EngineError)) return error;
  const message = `${origin}: ${error.message}`;
  const { kind } = error;
  if (kind === "notFound") return new RegistryError(unknown, message, { cause: error });
  if (kind === "unauthorized" || kind === "forbidden")
    return new RegistryError("DENIED", message, { cause: error });
  return new RegistryError("UNAVAILABLE", message, { cause: error });
}
