import { randomBytes } from "node:crypto";
import { statusResponse } from "../buildkit/messages/control.ts";
import { invalid, messageOf } from "../errors.ts";
import { formatReference, parseReference, withDefaultTag } from "../formats/reference.ts";
import { readBuildAttributes } from "./build-options.ts";
import { takeUpload } from "./build-uploads.ts";
import { decodeJsonList, decodeJsonTexts } from "./json-parameters.ts";
import type { ApiRequest } from "./request.ts";

/**
 * `POST /build?version=2`: clients of Docker 18.09 to 20.10 give their files by a session, and read BuildKit's progress as lines of JSON.
 * @throws EngineError invalid, before anything has been sent
 */
export async function buildWithSession(request: ApiRequest): Promise<undefined> {
  const attributes = readBuildAttributes(request);
  const remote = request.text("remote");
  const archive = remote === "upload-request" ? await takeUpload(request.text("buildid")) : undefined;
  if (!archive) attributes.delete("context");
  const caches = decodeJsonTexts("cachefrom", request.text("cachefrom"));
  if (caches.length > 0) attributes.set("cache-from", caches.join(","));
  if (!archive && remote !== "client-session" && remote !== "") attributes.set("context", remote);
  const exporter = readExporter(request);
  const { engine, signal } = request;
  const output = request.stream("application/json");
  const isQuiet = request.flag("q");
  const send = (message: unknown) => void output.write(`${JSON.stringify(message)}\r\n`);
  const held: unknown[] = [];
  try {
    const response = await engine.buildDoor.build({
      ref: request.text("buildid") || randomBytes(16).toString("hex"),
      session: request.text("session"),
      frontendAttrs: attributes,
      exporters: exporter ? [exporter] : [],
      ...(archive && { archive }),
      signal,
      onProgress(update) {
        const trace = { id: "moby.buildkit.trace", aux: statusResponse.encode(update).toString("base64") };
        if (isQuiet) held.push(trace);
        else send(trace);
      },
    });
    const id = response.get("containerimage.digest");
    if (isQuiet) send({ stream: `${id}\n` });
    else if (id !== undefined) send({ id: "moby.image.id", aux: { ID: id } });
  } catch (error) {
    for (const trace of held) send(trace);
    if (!signal.aborted) send({ errorDetail: { message: messageOf(error) }, error: messageOf(error) });
  }
  if (!output.destroyed) output.end();
  return undefined;
}

/** One at most; an image without any. @throws EngineError invalid */
function readExporter(request: ApiRequest): { type: string; attrs: Map<string, string> } | undefined {
  const names = request.query.getAll("t").filter((name) => name !== "");
  const full = names.map((name) => formatReference(withDefaultTag(parseReference(name))));
  const given = decodeJsonList("outputs", request.text("outputs"));
  if (given.length === 0) return { type: "moby", attrs: new Map([["name", full.join(",")]]) };
  if (given.length > 1) throw invalid("multiple outputs not supported");
  const { Type, Attrs } = given[0] as { Type?: unknown; Attrs?: unknown };
  if (typeof Type !== "string" || typeof (Attrs ?? {}) !== "object") throw invalid("invalid outputs");
  if (Type === "cacheonly") return undefined;
  const attrs = Object.entries(Attrs ?? {}).map(([key, value]): [string, string] => [key, String(value)]);
  return { type: Type, attrs: new Map(attrs) };
}
