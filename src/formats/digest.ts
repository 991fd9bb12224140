import { createHash } from "node:crypto";
import { invalid } from "../errors.ts";

/** `sha256:` and 64 lower-case hexadecimal digits: the only algorithm that is stored here. */
export type Digest = `sha256:${string}`;

const pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** @throws invalid when `text` is not a sha256 digest. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw invalid(`invalid digest ${JSON.stringify(text)}: want sha256: and 64 hexadecimal digits`);
}

export function digestOf(content: string | Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** The 64 digits without the algorithm. */
export function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The 12 digits people see. */
export function shortId(id: string): string {
  return hexOf(id).slice(0, 12);
}

/**
 * The chainID of each layer, base first: it names a layer together with all those below it
 * (OCI image spec, config, "Layer ChainID").
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) chain.push(chainIdOf(chain.at(-1), diffId));
  return chain;
}

/** @param below the chainID of the layer below; undefined for the lowest */
export function chainIdOf(below: Digest | undefined, diffId: Digest): Digest {
  return below ? digestOf(`${below} ${diffId}`) : diffId;
}
