import { randomBytes } from "node:crypto";
import type { LogEntry } from "../../formats/log-entry.ts";

/** An entry that is a part of a line too long for one. */
export interface Piece {
  /** Of the line: no other has it. */
  id: string;
  /** Its place in the line, from 1. */
  ordinal: number;
  isLast: boolean;
}

export const newId = () => randomBytes(32).toString("hex");

/**
 * Tells the pieces of lines by what came before, each stream's by itself; undefined for a line that is whole. Of a line that one
 * connection has begun and the next one goes on with, the rest counts from 1 again.
 */
export function createPieces(): (entry: LogEntry) => Piece | undefined {
  const open = new Map<LogEntry["stream"], Piece>();
  return ({ log, stream }) => {
    const before = open.get(stream);
    const isLast = log.endsWith("\n");
    if (isLast && !before) return undefined;
    const piece = { id: before?.id ?? newId(), ordinal: (before?.ordinal ?? 0) + 1, isLast };
    if (isLast) open.delete(stream);
    else open.set(stream, piece);
    return piece;
  };
}
