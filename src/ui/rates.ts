import type { ContainerUsage } from "../formats/usage.ts";

/** What all containers had used at one time. */
export interface Moment {
  /** Milliseconds since 1970. */
  at: number;
  all: readonly ContainerUsage[];
}

/** What one container uses now. */
export interface Rates {
  id: string;
  name: string;
  /** Percent of one processor. */
  cpu: number;
  memory: number;
  memoryLimit: number;
  /** Bytes a second. */
  received: number;
  sent: number;
  read: number;
  written: number;
  processes: number;
}

/** What all containers together used in one minute, and the biggest of them by name. */
export interface Minute {
  /** Seconds since 1970. */
  at: number;
  cpu: number;
  memory: number;
  received: number;
  sent: number;
  read: number;
  written: number;
  /** Name, processor, memory. */
  top: [name: string, cpu: number, memory: number][];
}

/** @param before the moment before; without it nothing is known of what grows */
export function ratesOf(now: Moment, before: Moment | undefined): Rates[] {
  const known = new Map(before?.all.map((one) => [one.id, one]));
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  return now.all.map((one) => {
    const old = known.get(one.id);
    /** One that was started again counts from zero. */
    const rate = (name: "cpuNanoseconds" | "receivedBytes" | "sentBytes" | "readBytes" | "writtenBytes") =>
      old && seconds > 0 ? Math.max(0, one[name] - old[name]) / seconds : 0;
    return {
      id: one.id,
      name: one.name,
      cpu: round(rate("cpuNanoseconds") / 1e7),
      memory: one.memoryBytes,
      memoryLimit: one.memoryLimitBytes,
      received: Math.round(rate("receivedBytes")),
      sent: Math.round(rate("sentBytes")),
      read: Math.round(rate("readBytes")),
      written: Math.round(rate("writtenBytes")),
      processes: one.processes,
    };
  });
}

const round = (value: number) => Math.round(value * 100) / 100;
