/** Set by the environment variable BERTH_TRACE=1: the daemon logs where the milliseconds go. */
export const isTracing = process.env.BERTH_TRACE === "1";

/** Milliseconds by phase. */
export type Phases = Record<string, number>;

/** Times the phases of one piece of work. */
export interface Trace {
  /** Ends the phase that began with the last mark. */
  mark(phase: string): void;
  /** Phases measured elsewhere, in another process for example. */
  add(phases: Phases | undefined): void;
  /** The phases in order and, last, `total`; undefined without BERTH_TRACE. */
  end(): Phases | undefined;
}

const noTrace: Trace = { mark: () => {}, add: () => {}, end: () => undefined };

/** Costs nothing without BERTH_TRACE. */
export function createTrace(): Trace {
  if (!isTracing) return noTrace;
  const begun = performance.now();
  const phases: Phases = {};
  let last = begun;
  const round = (milliseconds: number) => Math.round(milliseconds * 100) / 100;
  return {
    mark(phase) {
      const now = performance.now();
      phases[phase] = round(now - last);
      last = now;
    },
    add: (others) => void Object.assign(phases, others),
    end: () => ({ ...phases, total: round(performance.now() - begun) }),
  };
}
