import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf, unavailable } from "../errors.ts";
import { rootOutside } from "../formats/id-mapping.ts";
import { ensureAppArmorProfile } from "../runtime/apparmor.ts";
import type { OciSpec } from "../runtime/oci-spec.ts";
import { createSeccompFilters } from "../runtime/seccomp-filters.ts";
import type { Supervisor } from "../supervisor-client/client.ts";
import type { Probed, ProbeOptions, RuntimeCommand, Started } from "../supervisor-protocol/protocol.ts";
import { hasOnlyBfqWeight, setBfqWeight } from "../sys/cgroup.ts";
import type { Trace } from "../trace.ts";
import { bundleOf, removeBundle, withProcessFile, writeBundle } from "./bundle.ts";
import { endProbes, pidOfProbe } from "./end-probes.ts";
import type { ExecInput, LaunchInput } from "./input.ts";
import { foldersOf, prepareExec, prepareLaunch, streamsOf } from "./prepare.ts";
import { createMountSettler } from "./settle-mounts.ts";

export interface LaunchOptions {
  trace: Trace;
  /** Asked before anything runs. */
  signal: AbortSignal;
}

export type ProbeLimits = Pick<ProbeOptions, "timeoutMilliseconds" | "keptOutputBytes"> &
  Required<Pick<ProbeOptions, "startTimeoutMilliseconds">>;

/** From plain data to a running process. Its end goes to the supervisor's listener (`onExit`), by its id. */
export interface Launcher {
  /**
   * The caller removes what is left of one that fails, and of one that has ended: with `remove`, and its cgroup.
   * @throws EngineError invalid, unavailable; Error in the runtime's words, for `startFailure`
   */
  launch(input: LaunchInput, options: LaunchOptions): Promise<Started>;
  /** @throws EngineError invalid; Error in the runtime's words */
  exec(input: ExecInput, trace: Trace): Promise<Started>;
  /**
   * Runs one more process to its end. Where `canProbe` is false, the running supervisor is too old for it.
   * @param gone asked before it runs; from then on the supervisor's `abort` ends it
   * @throws EngineError invalid; Error in the runtime's words; the signal's reason
   */
  probe(input: ExecInput, limits: ProbeLimits, gone: AbortSignal): Promise<Probed>;
  canProbe(): boolean;
  /** The process of a probe in a container; 0 before it runs, and after its end. */
  pidOfProbe(container: string, id: string): number;
  /** Ends the probes in a container that a daemon or a supervisor was lost with: all but those that are under way. @param cgroup its own */
  endProbes(id: string, cgroup: string, isUnderWay: (probe: string) => boolean): void;
  /**
   * Takes what the runtime may have left: its state folder and cgroup, and the bundle.
   * @param root of the runtime's state. @param runtime asked for only when there is something for it to do
   */
  remove(id: string, root: string, runtime: () => RuntimeCommand): Promise<void>;
  bundleOf(id: string): string;
  /** Ends the worker threads. */
  close(): Promise<void>;
}

/** @param supervisor the present one: it may be lost, and another come in its place */
export function createLauncher(execRoot: string, supervisor: () => Supervisor): Launcher {
  const seccompFilters = createSeccompFilters();
  const settler = createMountSettler();
  for (const path of Object.values(foldersOf(execRoot))) mkdirSync(path, { recursive: true, mode: 0o711 });
  return {
    async launch(input, { trace, signal }) {
      await ensureAppArmorProfile(input.security.apparmorProfile);
      const { spec, options } = await prepareLaunch(input, execRoot, (layers, mounts) =>
        settler.settle(layers, mounts, signal),
      );
      if (options.shared && !supervisor().supports("start.shared"))
        throw unavailable("shared mounts are not supported by the running supervisor (older version)");
      if (options.remap && !supervisor().supports("remap"))
        throw unavailable("user namespaces are not supported by the running supervisor (older version)");
      if (options.systemdCgroup && !supervisor().supports("start.systemdCgroup"))
        throw unavailable("cgroups by systemd are not supported by the running supervisor (older version)");
      const { root } = input.runtime;
      seccompFilters.annotate(spec, root);
      writeBundle(options.bundle, spec);
      trace.mark("prepare");
      signal.throwIfAborted();
      const started = await supervisor()
        .call("start", options)
        .catch((error: unknown) => {
          throw explainSilence(error, spec);
        });
      void seccompFilters.learn(spec, root, input.id);
      trace.mark("supervisor");
      trace.add(started.phases);
      const { BlkioWeight: weight } = input.limits;
      if (weight > 0 && hasOnlyBfqWeight()) setBfqWeight(input.cgroup.path, weight);
      return started;
    },
    async exec(input, trace) {
      const { id, container, runtime, process, client } = input;
      await ensureAppArmorProfile(input.security.apparmorProfile);
      const described = await prepareExec(input);
      return withProcessFile(bundleOf(execRoot, container), id, described, async (processFile) => {
        trace.mark("prepare");
        const started = await supervisor().call("exec", {
          process: id,
          container,
          runtime,
          ...streamsOf(process),
          processFile,
          ...(input.mapping && { owner: rootOutside(input.mapping) }),
          ...(client && { client }),
        });
        trace.mark("supervisor");
        trace.add(started.phases);
        return started;
      });
    },
    async probe(input, limits, gone) {
      const { id, container, runtime, mapping } = input;
      await ensureAppArmorProfile(input.security.apparmorProfile);
      const described = await prepareExec(input);
      return withProcessFile(bundleOf(execRoot, container), id, described, (processFile) => {
        gone.throwIfAborted();
        return supervisor().call("probe", {
          ...{ process: id, container, runtime, processFile, ...limits },
          ...(mapping && { owner: rootOutside(mapping) }),
        });
      });
    },
    canProbe: () => supervisor().supports("probe"),
    pidOfProbe: (container, id) => pidOfProbe(bundleOf(execRoot, container), id),
    endProbes: (id, cgroup, isUnderWay) => endProbes(bundleOf(execRoot, id), cgroup, isUnderWay),
    async remove(id, root, runtime) {
      if (existsSync(join(root, id)))
        await supervisor().call("runtime", { runtime: runtime(), arguments: ["delete", "--force", id] });
      removeBundle(bundleOf(execRoot, id));
    },
    bundleOf: (id) => bundleOf(execRoot, id),
    close: settler.close,
  };
}

/** crun says nothing of a hook that failed. */
function explainSilence(error: unknown, { hooks }: OciSpec): unknown {
  const programs = Object.values(hooks ?? {}).flatMap((list) => list.map(({ path }) => path));
  if (messageOf(error) !== "" || programs.length === 0) return error;
  return new Error(`error running hook: one of these programs failed: ${[...new Set(programs)].join(", ")}`);
}
