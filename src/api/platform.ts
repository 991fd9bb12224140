import { EngineError, invalid, messageOf } from "../errors.ts";
import { parseJson } from "../formats/json.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { isPlatform } from "../formats/platform.ts";
import { decode, struct, textOf } from "../formats/shape.ts";

const shape = struct("Platform", { os: textOf(64), architecture: textOf(64), variant: textOf(64) });

/** A platform as the OCI writes it in JSON, which is how queries about images name one. @throws EngineError invalid in Docker's words */
export function decodePlatform(text: string): Platform {
  const { os, architecture, variant } = readPlatform(text);
  if (os === "" && architecture === "" && variant !== "")
    throw invalid("optional platform fields provided, but OS and Architecture are missing");
  if (os === "" || architecture === "") throw invalid("both OS and Architecture must be provided");
  const platform = { os, architecture, ...(variant && { variant }) };
  if (!isPlatform(platform)) throw invalid(`failed to parse platform: ${JSON.stringify(text.slice(0, 128))}`);
  return platform;
}

function readPlatform(text: string) {
  try {
    return decode(shape, parseJson(text, "platform"));
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(`failed to parse platform: ${messageOf(error)}`, error);
  }
}
