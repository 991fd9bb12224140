import type { Socket } from "node:net";
import { internal, unavailable } from "../errors.ts";
import { tryConnect } from "../supervisor-protocol/connect.ts";
import type {
  Capability,
  ExecOptions,
  Exit,
  Hello,
  ListedProcess,
  MethodName,
  Methods,
  Notice,
  Request,
  Started,
  Welcome,
} from "../supervisor-protocol/protocol.ts";
import { readCapabilities, sayLog } from "./capabilities.ts";
import { openConnection } from "./connection.ts";
import { introduce } from "./introduce.ts";
import type { Lifelines } from "./lifelines.ts";

/** The daemon's end of the protocol. */
export interface Supervisor {
  /** @throws EngineError unavailable when the supervisor is of a version that cannot do that */
  call<M extends MethodName>(
    method: M,
    parameters: Parameters<Methods[M]>[0],
  ): Promise<ReturnType<Methods[M]>>;
  supports(capability: Capability): boolean;
  /** A connection that carries a process's input one way and its output the other. The caller destroys it. */
  attach(hello: Omit<Extract<Hello, { role: "attach" }>, "role">): Promise<Socket>;
  /** The connection to it is gone. */
  readonly isLost: boolean;
  onExit(listener: (exit: Exit) => void): void;
  /** Called once, when the connection is lost; every call then fails. */
  onLost(listener: () => void): void;
  close(): void;
}

/**
 * @param control a connection that was answered by `welcome`
 * @param path where it was made to
 */
export function createSupervisorClient(
  control: Socket,
  welcome: Welcome,
  path: string,
  lifelines: Lifelines,
): Supervisor {
  const capabilities = readCapabilities(welcome);
  /** Attached connections that are being made, by their client's name. */
  const attaching = new Map<string, Promise<unknown>>();
  const exitListeners: ((exit: Exit) => void)[] = [];
  const lostListeners: (() => void)[] = [];
  const connection = openConnection(control, onNotice, () => {
    for (const listener of lostListeners) listener();
  });

  const supports = (capability: Capability) => capabilities.has(capability);

  function onNotice(notice: Notice): void {
    if ("inputClosed" in notice) lifelines.dropInput(notice.inputClosed);
    // Notices that a newer supervisor sends are unknown to this version.
    if (!("exit" in notice)) return;
    lifelines.drop(notice.exit.process);
    for (const listener of exitListeners) listener(notice.exit);
  }

  function keepListed({ process, lifeline, exit }: ListedProcess): void {
    lifelines.keep(process, lifeline);
    if (!exit) lifelines.keepOutput(process);
  }

  /** Keeps the lifelines of what has been started, and gives back that of what is adopted. */
  async function call<M extends MethodName>(method: M, parameters: Parameters<Methods[M]>[0]) {
    if (!supports(method))
      throw unavailable(`operation ${method} is not supported by the running supervisor (older version)`);
    const id = "process" in parameters ? parameters.process : "";
    const lifeline = method === "adopt" ? lifelines.find(id) : undefined;
    const sent = {
      ...parameters,
      ...(lifeline && { lifeline }),
      ...("log" in parameters && parameters.log && { log: sayLog(parameters.log, capabilities) }),
    } as Request["parameters"];
    // One that does not wait for the client itself must find it there.
    if (method === "exec" && !supports("exec.client"))
      await attaching.get((parameters as ExecOptions).client ?? "");
    let isKept = true;
    // Before the next line is read: with the process's end the number would be another's, and kept for ever.
    const result = await connection.request(method, sent, (received) => {
      if (method === "start" || method === "exec")
        isKept = lifelines.keep(id, (received as Started).lifeline);
      if (method === "start" || method === "adopt") lifelines.keepOutput(id);
      if (method === "list") for (const held of received as ListedProcess[]) keepListed(held);
      if (method === "forget") lifelines.drop(id);
    });
    // The process has ended, or the supervisor has. In the second case this request fails too, and nothing is reported as running.
    if (!isKept) await connection.request("list", {}, () => {});
    return result as ReturnType<Methods[M]>;
  }

  return {
    call,
    supports,
    attach(hello) {
      const attached = attach(path, hello);
      attaching.set(hello.client, attached);
      return attached.finally(() => attaching.delete(hello.client));
    },
    get isLost() {
      return control.destroyed;
    },
    onExit: (listener) => void exitListeners.push(listener),
    onLost: (listener) => void lostListeners.push(listener),
    close: () => connection.close(),
  };
}

async function attach(path: string, hello: Parameters<Supervisor["attach"]>[0]): Promise<Socket> {
  const socket = await tryConnect(path);
  if (!socket || !(await introduce(socket, { role: "attach", ...hello })))
    throw internal("the supervisor is not running");
  return socket;
}

/** A supervisor that is on its way: what is asked of it waits until it is there. */
export function upcoming(next: Promise<Supervisor>): Supervisor {
  /** Where it does not come, each call says so. */
  const whenThere = (use: (supervisor: Supervisor) => void) => void next.then(use, () => {});
  let arrived: Supervisor | undefined;
  whenThere((supervisor) => {
    arrived = supervisor;
  });
  return {
    call: async (method, parameters) => (await next).call(method, parameters),
    // It will be of this version.
    supports: () => true,
    attach: async (hello) => (await next).attach(hello),
    get isLost() {
      return arrived?.isLost ?? false;
    },
    onExit: (listener) => whenThere((supervisor) => supervisor.onExit(listener)),
    onLost: (listener) => whenThere((supervisor) => supervisor.onLost(listener)),
    close: () => whenThere((supervisor) => supervisor.close()),
  };
}
