import type { ImageOwnConfig } from "./docker-api-config.ts";

/** What an index or a manifest says of a blob (OCI image spec, descriptor.md). */
export interface ImageDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: ImagePlatform;
}

export interface ImagePlatform {
  architecture: string;
  os: string;
  variant?: string;
}

/** One manifest of an image. */
export interface ManifestSummary {
  ID: string;
  Descriptor: ImageDescriptor;
  Available: boolean;
  Size: { Content: number; Total: number };
  Kind: "image" | "attestation" | "unknown";
  ImageData?: { Platform: ImagePlatform; Size: { Unpacked: number }; Containers: string[] | null };
  AttestationData?: { For: string };
}

/** Images, and the progress of work on them, as the Docker Engine API shows them. */

export interface ImageSummary {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  Created: number;
  Size: number;
  SharedSize: number;
  VirtualSize?: number;
  Labels: Record<string, string> | null;
  Containers: number;
  Manifests?: ManifestSummary[];
  Descriptor?: ImageDescriptor;
}

export interface ImageInspect {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created: string;
  DockerVersion: string;
  Author: string;
  Config: ImageOwnConfig;
  Architecture: string;
  Variant?: string;
  Os: string;
  Size: number;
  VirtualSize?: number;
  GraphDriver: { Name: string; Data: Record<string, string> };
  RootFS: { Type: string; Layers: string[] };
  Metadata: { LastTagTime: string };
  Descriptor?: ImageDescriptor;
  Manifests?: ManifestSummary[];
}

export interface ImageHistoryItem {
  Id: string;
  /** Unix seconds. */
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

export interface ImageDeleteItem {
  Untagged?: string;
  Deleted?: string;
}

/** One line of a progress stream (load, pull, push, import, build); the HTTP status is 200 by then, errors come in-band. */
/** A find of `GET /images/search`. */
export interface SearchResult {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}

export interface ProgressMessage {
  status?: string;
  id?: string;
  stream?: string;
  progressDetail?: { current?: number; total?: number };
  /** The same as a bar, for older clients. */
  progress?: string;
  aux?: object;
  error?: string;
  errorDetail?: { code?: number; message: string };
}
