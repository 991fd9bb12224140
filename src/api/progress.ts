import { messageOf } from "../errors.ts";
import type { ProgressMessage } from "../formats/docker-api/docker-api.ts";
import { formatProgressBar } from "../formats/progress-bar.ts";
import type { ApiRequest } from "./request.ts";

/**
 * Runs work that reports its progress as JSON lines. The status is sent with the first of them; until then a failure is an
 * ordinary error, unless `failsInBand`, and afterwards it is the last line.
 */
export async function withProgress(
  request: ApiRequest,
  work: (report: (message: ProgressMessage) => void) => Promise<void>,
  failsInBand = false,
): Promise<void> {
  let isStreaming = false;
  const report = (message: ProgressMessage) => {
    if (!isStreaming) request.stream("application/json");
    isStreaming = true;
    request.output.write(`${JSON.stringify(withBar(message))}\r\n`);
  };
  try {
    await work(report);
  } catch (error) {
    if (!isStreaming && !failsInBand) throw error;
    const message = messageOf(error);
    report({ errorDetail: { message }, error: message });
  }
  if (!isStreaming) request.stream("application/json");
  request.output.end();
}

/** In Docker's order of fields. */
function withBar(message: ProgressMessage): ProgressMessage {
  const { status, progressDetail, ...rest } = message;
  const progress = progressDetail && formatProgressBar(progressDetail);
  return progress ? { ...(status !== undefined && { status }), progressDetail, progress, ...rest } : message;
}
