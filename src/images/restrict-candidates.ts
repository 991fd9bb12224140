import { notFound } from "../errors.ts";
import { type ImageConfig, parseImageConfig } from "../formats/image-config.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { findForPlatform, formatPlatform } from "../formats/platform.ts";
import { type Candidate, type CandidateContent, contentsOf, readArchiveDocument } from "./candidate.ts";

/**
 * Those images of an archive that are for one of these platforms, without what is for others; all when there are no platforms.
 * @throws notFound when there are none of a platform
 */
export async function restrictCandidates(
  candidates: readonly Candidate[],
  platforms: readonly Platform[],
): Promise<readonly Candidate[]> {
  if (platforms.length === 0) return candidates;
  const kept = new Set<CandidateContent>();
  for (const platform of platforms) {
    const before = kept.size;
    for (const candidate of candidates) {
      const content = await findContent(candidate, platform);
      if (content) kept.add(content);
    }
    if (kept.size > before) continue;
    const wanted = formatPlatform(platform);
    throw notFound(`requested platform (${wanted}) not found: image might be filtered out`);
  }
  return candidates.flatMap((candidate) => restrict(candidate, kept) ?? []);
}

async function findContent(candidate: Candidate, platform: Platform): Promise<CandidateContent | undefined> {
  const contents: { content: CandidateContent; platform: ImageConfig }[] = [];
  for (const content of contentsOf(candidate))
    contents.push({ content, platform: parseImageConfig(await readArchiveDocument(content.config)) });
  return findForPlatform(contents, platform)?.content;
}

function restrict(candidate: Candidate, kept: ReadonlySet<CandidateContent>): Candidate | undefined {
  const [first, ...others] = contentsOf(candidate).filter((content) => kept.has(content));
  if (!first) return undefined;
  const { target, content: main } = candidate;
  const content = others.includes(main) ? main : first;
  if (!target) return { ...candidate, content };
  const manifests = target.manifests.map((manifest) => {
    const { descriptor, kind } = manifest;
    return manifest.content && !kept.has(manifest.content) ? { descriptor, kind } : manifest;
  });
  return { ...candidate, content, target: { ...target, manifests } };
}
