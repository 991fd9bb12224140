import type { IncomingMessage } from "node:http";
import { invalid } from "../errors.ts";

const largestFormBytes = 1 << 20;

/**
 * Parameters in a request's body, as `curl -d signal=HUP` sends them. They count before those of the address.
 * @throws EngineError invalid in Go's words for too many
 */
export async function readForm(input: IncomingMessage): Promise<URLSearchParams> {
  const [type = ""] = (input.headers["content-type"] ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/x-www-form-urlencoded") return new URLSearchParams();
  const chunks: Buffer[] = [];
  let length = 0;
  // A reader that gives up leaves the connection for the answer.
  for await (const chunk of input.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > largestFormBytes) throw invalid("http: POST too large");
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
