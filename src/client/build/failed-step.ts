import { Duplex } from "node:stream";
import { failedStepInput, failedStepOutput } from "../../buildkit/messages/failed-step.ts";
import type { MessageOf } from "../../buildkit/wire/message.ts";
import { duplex, type Method } from "../../buildkit/wire/server.ts";
import { code, GrpcError } from "../../buildkit/wire/status.ts";

/** A step that has failed, where a shell can be opened. */
export interface EnterableStep {
  /** As progress shows it. */
  step: string;
  error: string;
  /** Its image has no shell: `open` has to bring one. */
  needsShell: boolean;
  /** @param shell a static busybox */
  open(size: TerminalSize, shell?: Buffer): Promise<FailedStepShell>;
}

export interface FailedStepShell {
  /** Takes what is typed, and gives what is shown. */
  terminal: Duplex;
  resize(size: TerminalSize): Promise<void>;
}

export interface TerminalSize {
  rows: number;
  columns: number;
}

/** Lets someone in where a step of a build fails. @param enter resolves when they have left */
export function serveFailedSteps(enter: (failed: EnterableStep) => Promise<void>): Method {
  return duplex(failedStepOutput, failedStepInput, async (outputs, call) => {
    const messages = outputs[Symbol.asyncIterator]();
    const { done, value: first } = await messages.next();
    if (done) throw new GrpcError(code.invalidArgument, "the request has no message");
    const { step, error, needsShell } = first;
    await enter({
      ...{ step, error, needsShell },
      async open(size, shell) {
        await call.send({ ...size, ...(shell && { shell }) });
        const terminal = terminalOf(messages, (input) => call.send({ input }));
        const end = () => void terminal.destroy();
        call.signal.addEventListener("abort", end, { once: true });
        if (call.signal.aborted) end();
        return { terminal, resize: (wanted) => call.send({ ...wanted }) };
      },
    });
  });
}

function terminalOf(
  messages: AsyncIterator<MessageOf<typeof failedStepOutput>>,
  send: (input: Buffer) => Promise<void>,
): Duplex {
  return new Duplex({
    read() {
      messages.next().then(
        ({ done, value }) => this.push(done ? null : Buffer.from(value.output)),
        (error: Error) => void this.destroy(error),
      );
    },
    write(chunk: Buffer, _, done) {
      send(chunk).then(() => done(), done);
    },
  });
}
