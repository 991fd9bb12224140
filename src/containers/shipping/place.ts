import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseJson } from "../../formats/json.ts";
import { decode, integer, struct, text } from "../../formats/shape.ts";
import { beginning, type LogPlace } from "./cursor.ts";

const shape = struct("Place", { head: text, offset: integer("int64") });

/** How far a log has been taken: its beginning where nothing is known. */
export function readPlace(path: string): LogPlace {
  try {
    return decode(shape, parseJson(readFileSync(path, "utf8"), "place"));
  } catch {
    return beginning;
  }
}

/** On a full disk it stays as it was: lines are sent twice then. */
export function writePlace(path: string, place: LogPlace): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(place), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // Neither is lost by it.
  }
}
