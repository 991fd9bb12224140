import { serveJobs } from "../sys/jobs.ts";
import { RegistryError } from "./errors.ts";
import { type ParsedManifest, parseManifestDocument } from "./manifest-document.ts";

export interface ManifestJob {
  content: Uint8Array;
  contentType: string | undefined;
}

export interface ManifestJobResult {
  document?: ParsedManifest;
  /** What is wrong with it. */
  refusal?: string;
}

serveJobs<ManifestJob, ManifestJobResult>(({ content, contentType }) => {
  try {
    return { document: parseManifestDocument(Buffer.from(content).toString(), contentType) };
  } catch (error) {
    if (error instanceof RegistryError) return { refusal: error.message };
    throw error;
  }
});
