import { internal } from "../errors.ts";
import { isCheapJson } from "../formats/json.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { RegistryError } from "./errors.ts";
import type { ManifestJob, ManifestJobResult } from "./manifest.worker.ts";
import { type ParsedManifest, parseManifestDocument } from "./manifest-document.ts";

/** Reads manifests, those that take long on a thread of its own. */
export interface ManifestReader {
  /** See `parseManifestDocument`. @throws RegistryError MANIFEST_INVALID */
  read(content: Buffer, contentType?: string): Promise<ParsedManifest>;
  close(): Promise<void>;
}

const inlineBytes = 256 * 1024;

export function createManifestReader(): ManifestReader {
  const runner = createJobRunner<ManifestJob, ManifestJobResult>("registry/manifest.worker", 1);
  return {
    async read(content, contentType) {
      const text = content.length <= inlineBytes ? content.toString() : undefined;
      if (text !== undefined && isCheapJson(text)) return parseManifestDocument(text, contentType);
      const { document, refusal } = await runner.run({ content, contentType });
      if (document) return document;
      throw refusal === undefined
        ? internal("the worker answered nothing")
        : new RegistryError("MANIFEST_INVALID", refusal);
    },
    close: () => runner.close(),
  };
}
