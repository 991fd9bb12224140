import { messageOf } from "../errors.ts";

/** What the page gets instead of an answer: the status, and one sentence. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.headers = headers;
  }
}

/** A scheme that no browser asks for itself. It tells the page apart from an engine's 401, such as that of a registry. */
export const unauthorized = () => new Refusal(401, "log in first", { "WWW-Authenticate": "Berth" });
export const notHere = () => new Refusal(404, "page not found");

/** An engine's own answer keeps its status and its sentence; one that cannot be reached is a bad gateway. */
export function toRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  if (thrown instanceof URIError) return new Refusal(400, thrown.message);
  const { name, status } = thrown as { name?: string; status?: unknown };
  const message = messageOf(thrown);
  if (name === "ApiError" && typeof status === "number") return new Refusal(status, message);
  if (name === "ConnectionError") return new Refusal(502, message);
  return new Refusal(500, message);
}
