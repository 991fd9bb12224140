import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { OciSpec } from "./oci-spec.ts";

/**
 * What crun has made of seccomp profiles. It compiles a profile for each container (10 ms, a third of a start) and leaves the
 * filter in the container's state folder, from where it loads it for each exec; given the filter, it does not compile. Other
 * runtimes leave nothing there and go on as they would.
 */
export interface SeccompFilters {
  /** Adds the filter of the specification's profile, if it is known: crun then takes that (crun(1), `run.oci.seccomp_bpf_data`). */
  annotate(spec: OciSpec, runtimeRoot: string): void;
  /** Keeps the filter that the runtime made for a container that it has just started. */
  learn(spec: OciSpec, runtimeRoot: string, id: string): Promise<void>;
}

const annotation = "run.oci.seccomp_bpf_data";
/** Profiles are few; each takes some 10 kB. */
const limit = 32;
const instructionBytes = 8;

export function createSeccompFilters(): SeccompFilters {
  const filters = new Map<string, string>();
  return {
    annotate(spec, runtimeRoot) {
      const filter = spec.linux.seccomp && filters.get(keyOf(spec.linux.seccomp, runtimeRoot));
      if (filter) spec.annotations = { [annotation]: filter, ...spec.annotations };
    },
    async learn(spec, runtimeRoot, id) {
      const { annotations, linux } = spec;
      if (!linux.seccomp || annotations?.[annotation]) return;
      // Of a container that has ended already nothing is left to learn from.
      const filter = await readFile(join(runtimeRoot, id, "seccomp.bpf")).catch(() => undefined);
      if (!filter || filter.length === 0 || filter.length % instructionBytes !== 0) return;
      const oldest = filters.size < limit ? undefined : filters.keys().next().value;
      if (oldest) filters.delete(oldest);
      filters.set(keyOf(linux.seccomp, runtimeRoot), filter.toString("base64"));
    },
  };
}

function keyOf(profile: object, runtimeRoot: string): string {
  return createHash("sha256").update(runtimeRoot).update(JSON.stringify(profile)).digest("base64");
}
