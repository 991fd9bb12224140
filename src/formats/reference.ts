import { invalid } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";

/** A name of an image with its defaults filled in: `busybox` has domain `docker.io` and path `library/busybox`. */
export interface Reference {
  domain: string;
  path: string;
  tag?: string;
  digest?: Digest;
}

const defaultDomain = "docker.io";
const officialPrefix = "library/";
const nameLimit = 255;

const domainPattern =
  /^(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(?::[0-9]+)?$/;
const ipv6DomainPattern = /^\[[a-fA-F0-9:]+\](?::[0-9]+)?$/;
const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const hexadecimalId = /^[0-9a-f]{64}$/;

export const isTag = (text: string): boolean => tagPattern.test(text);

const malformed = () => invalid("invalid reference format");

/**
 * Reads `[domain/]path[:tag][@digest]` as Docker's clients write it; no tag is filled in (see `withDefaultTag`).
 * @throws invalid in Docker's wording.
 */
export function parseReference(text: string): Reference {
  if (hexadecimalId.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw malformed();
  const { name, tag } = splitTag(at < 0 ? text : text.slice(0, at));
  if (tag !== undefined && !tagPattern.test(tag)) throw malformed();
  const { domain, path } = splitDomain(name);
  if (path !== path.toLowerCase()) {
    throw invalid(`invalid reference format: repository name (${path}) must be lowercase`);
  }
  if (!(domainPattern.test(domain) || ipv6DomainPattern.test(domain)) || !pathPattern.test(path)) {
    throw malformed();
  }
  if (domain.length + 1 + path.length > nameLimit) {
    throw invalid(`repository name must not be more than ${nameLimit} characters`);
  }
  return { domain, path, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** The tag is what follows the last colon, unless a slash follows that colon: then it belongs to a port. */
function splitTag(text: string): { name: string; tag?: string } {
  const colon = text.lastIndexOf(":");
  if (colon < 0 || text.indexOf("/", colon) >= 0) return { name: text };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first component is a domain when it looks like one: it has a dot, a colon or a capital, or is `localhost`. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  let domain = isDomain ? first : defaultDomain;
  let path = isDomain ? name.slice(slash + 1) : name;
  if (domain === "index.docker.io") domain = defaultDomain;
  if (domain === defaultDomain && !path.includes("/")) path = officialPrefix + path;
  return { domain, path };
}

/** Adds `:latest` when there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag || reference.digest ? reference : { ...reference, tag: "latest" };
}

/** The full name without tag and digest: `docker.io/library/busybox`. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The name without tag and digest as people write it: `busybox`. */
export function familiarRepository(reference: Reference): string {
  if (reference.domain !== defaultDomain) return repositoryOf(reference);
  const { path } = reference;
  const short = path.startsWith(officialPrefix) ? path.slice(officialPrefix.length) : path;
  return short.includes("/") ? path : short;
}

/** The full form, which names a reference in the store: `docker.io/library/busybox:latest`. */
export function formatReference(reference: Reference): string {
  return repositoryOf(reference) + suffix(reference);
}

/** The form people write: `busybox:latest`. */
export function formatFamiliar(reference: Reference): string {
  return familiarRepository(reference) + suffix(reference);
}

function suffix({ tag, digest }: Reference): string {
  return (tag ? `:${tag}` : "") + (digest ? `@${digest}` : "");
}
