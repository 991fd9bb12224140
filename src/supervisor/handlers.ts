import type { NameMethods } from "../supervisor-protocol/names.ts";
import type {
  Capability,
  MethodName,
  Methods,
  OwnMethods,
  ProcessMethods,
} from "../supervisor-protocol/protocol.ts";
import type { RelayMethods } from "../supervisor-protocol/relays.ts";
import { logDrivers } from "./log-sink.ts";
import type { Processes } from "./processes.ts";

/** @param asker aborted when the asking daemon is gone */
type Handler<M extends MethodName> = (
  parameters: Parameters<Methods[M]>[0],
  asker: AbortSignal,
) => ReturnType<Methods[M]> | Promise<ReturnType<Methods[M]>>;
export type HandlersOf<M> = { [Name in keyof M & MethodName]: Handler<Name> };

export type Handlers = HandlersOf<Methods>;

/** What this supervisor can do, as its welcome lists it. */
export function listCapabilities(handlers: Handlers): Capability[] {
  const methods = Object.keys(handlers) as MethodName[];
  return [
    ...methods,
    "exec.client",
    "start.shared",
    "remap",
    "start.systemdCgroup",
    "log.details",
    ...logDrivers.map((driver) => `log.${driver}` as const),
  ];
}

/** What answers each request. */
export function createHandlers(
  processes: () => Processes,
  networking: HandlersOf<NameMethods & RelayMethods>,
  onShutdown: () => void,
): Handlers {
  return { ...processHandlers(processes), ...networking, ...ownHandlers(processes, onShutdown) };
}

function processHandlers(processes: () => Processes): HandlersOf<ProcessMethods> {
  return {
    start: (options, asker) => processes().start(options, asker),
    exec: (options, asker) => processes().exec(options, asker),
    probe: (options, asker) => processes().probe(options, asker),
    abort: (options) => processes().abort(options),
    adopt: (options) => processes().adopt(options),
    runtime: (options) => processes().runtime(options),
    closeInput: (options) => processes().closeInput(options),
    resize: (options) => processes().resize(options),
    list: (_, asker) => processes().list(asker),
    forget: (options) => processes().forget(options),
  };
}

function ownHandlers(processes: () => Processes, onShutdown: () => void): HandlersOf<OwnMethods> {
  return {
    shutdown() {
      const idle = processes().isIdle;
      if (idle) setImmediate(onShutdown);
      return idle;
    },
  };
}
