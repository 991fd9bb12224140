import { message, one, protoBool, protoBytes, protoString, protoUint32 } from "../wire/message.ts";

/* A shell where a step failed: berth's own service, which a client lists among its session's methods when it wants one. */

export const enterFailedStep = "/berth.build.v1.FailedStep/Enter";

/** The first one says what failed; the others are what the shell prints. */
export const failedStepOutput = message({
  step: one(1, protoString),
  error: one(2, protoString),
  /** The step's image has no shell: the client's is wanted. */
  needsShell: one(3, protoBool),
  output: one(4, protoBytes),
});

/** The first one says how large the terminal is; the others are what is typed, or a new size. */
export const failedStepInput = message({
  rows: one(1, protoUint32),
  columns: one(2, protoUint32),
  /** A static busybox, where one is wanted. */
  shell: one(3, protoBytes),
  input: one(4, protoBytes),
});
