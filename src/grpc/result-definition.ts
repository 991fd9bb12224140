import { createHash } from "node:crypto";
import { type definition, op } from "../buildkit/messages/pb.ts";
import type { Given, MessageOf } from "../buildkit/wire/message.ts";

/*
 * A result as clients hand it from one build to another: bake's targets that stand on others. To them it is a definition of BuildKit's;
 * here it says nothing but which result it is.
 */

const scheme = "berth-ref://";

export function encodeResult(id: string): Given<MessageOf<typeof definition>> {
  const source = op.encode({ source: { identifier: scheme + id } });
  const digest = `sha256:${createHash("sha256").update(source).digest("hex")}`;
  return { def: [source, op.encode({ inputs: [{ digest }] })], metadata: new Map([[digest, {} as never]]) };
}

/** The id of a result; undefined for a definition of something else. */
export function decodeResult(given: MessageOf<typeof definition>): string | undefined {
  const { identifier = "" } = findHead(given) ?? {};
  return identifier.startsWith(scheme) ? identifier.slice(scheme.length) : undefined;
}

/** What a definition comes to. */
interface Head {
  identifier: string;
  attrs: ReadonlyMap<string, string>;
  /** As the client calls it. */
  name: string | undefined;
}

/** The source that is the last of a definition; undefined for one that ends in something else. */
export function findHead({ def, metadata }: MessageOf<typeof definition>): Head | undefined {
  const last = def.at(-1);
  const head = last && op.decode(last).inputs[0]?.digest;
  for (const bytes of def) {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (digest !== head) continue;
    const { source } = op.decode(bytes);
    return source && { ...source, name: metadata.get(digest)?.description.get("llb.customname") };
  }
  return undefined;
}
