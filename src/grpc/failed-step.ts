import type { FailedStep, StepVisitor } from "../build/client-session.ts";
import { enterFailedStep, failedStepInput, failedStepOutput } from "../buildkit/messages/failed-step.ts";
import type { GrpcClient } from "../buildkit/wire/client.ts";
import { unavailable } from "../errors.ts";

/** What a terminal can be said to be at most. */
const mostCells = 10_000;

const isSize = (size: number) => size > 0 && size <= mostCells;

/** Waits as long as the client is there: it opens one shell after the other. */
export async function openFailedStep(
  client: GrpcClient,
  failed: FailedStep,
  signal: AbortSignal,
): Promise<StepVisitor> {
  signal.throwIfAborted();
  const call = client.open(enterFailedStep, failedStepOutput, failedStepInput);
  const gone = new AbortController();
  signal.addEventListener("abort", call.cancel, { once: true });
  try {
    const replies = call.replies[Symbol.asyncIterator]();
    await call.send(failed);
    const { done, value: first } = await replies.next();
    if (done) throw unavailable("the client took no look at the failed step");
    return {
      size: isSize(first.rows) && isSize(first.columns) ? [first.rows, first.columns] : [0, 0],
      shell: first.shell.length > 0 ? Buffer.from(first.shell) : undefined,
      gone: gone.signal,
      listen(onInput, onSize) {
        void (async () => {
          for (;;) {
            const { done, value } = await replies.next();
            if (done) return;
            if (isSize(value.rows) && isSize(value.columns)) onSize(value.rows, value.columns);
            if (value.input.length > 0) await onInput(Buffer.from(value.input));
          }
        })()
          .catch(() => {})
          .finally(() => {
            signal.removeEventListener("abort", call.cancel);
            gone.abort(new Error("the client has left the failed step"));
          });
      },
      write: (output) => call.send({ output }),
      // The client ends the call once its terminal has shown all.
      close: () => call.end(),
    };
  } catch (error) {
    signal.removeEventListener("abort", call.cancel);
    call.cancel();
    throw error;
  }
}
