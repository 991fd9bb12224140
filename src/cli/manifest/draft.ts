import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../formats/digest.ts";
import { mediaTypes } from "../../formats/oci-manifest.ts";
import type { Cli } from "../cli.ts";

/** A platform with what only Windows has. */
export interface ManifestPlatform {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
}

/** One image's manifest in a list that has yet to be pushed. */
export interface Member {
  /** Its full name: "docker.io/library/busybox:1". */
  ref: string;
  mediaType: string;
  digest: Digest;
  text: string;
  platform: ManifestPlatform;
}

/** The file docker keeps for it, in the folder of the list. */
interface StoredMember {
  Ref: string;
  Descriptor: { mediaType: string; digest: Digest; size: number; platform: ManifestPlatform };
  /** Base64. */
  Raw: string;
}

/** Lists that have been created and not been pushed, kept beside config.json as docker keeps them. */
export function openDrafts(cli: Cli) {
  const folderOf = (list: string) => join(cli.configFolder, "manifests", fileName(list));

  return {
    /** In the order of their names. @returns undefined when there is no such list */
    find(list: string): Member[] | undefined {
      let names: string[];
      try {
        names = readdirSync(folderOf(list));
      } catch {
        return undefined;
      }
      return names.sort().map((name) => decode(readFileSync(join(folderOf(list), name), "utf8")));
    },
    keep(list: string, member: Member): void {
      mkdirSync(folderOf(list), { recursive: true, mode: 0o700 });
      const file = join(folderOf(list), fileName(member.ref));
      writeFileSync(`${file}.new`, JSON.stringify(encode(member)), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    remove: (list: string) => rmSync(folderOf(list), { recursive: true, force: true }),
  };
}

function fileName(reference: string): string {
  return reference.replaceAll(":", "-").replaceAll("/", "_");
}

function encode({ ref, mediaType, digest, text, platform }: Member): object {
  const kind = mediaType === mediaTypes.manifest ? "OCIManifest" : "SchemaV2Manifest";
  const stored: StoredMember = {
    Ref: ref,
    Descriptor: { mediaType, digest, size: Buffer.byteLength(text), platform },
    Raw: Buffer.from(text).toString("base64"),
  };
  return { ...stored, [kind]: JSON.parse(text) };
}

function decode(text: string): Member {
  const { Ref, Descriptor, Raw }: StoredMember = JSON.parse(text);
  const { mediaType, digest, platform } = Descriptor;
  return { ref: Ref, mediaType, digest, platform, text: Buffer.from(Raw, "base64").toString() };
}

/** An image manifest's entry in an index (OCI image spec, image-index.md). */
export function describeMember({ mediaType, digest, text, platform }: Member) {
  return { mediaType, size: Buffer.byteLength(text), digest, platform };
}

/** The list as it is pushed: Docker's kind, unless there is an OCI manifest in it. */
export function encodeList(members: readonly Member[]): { mediaType: string; text: string } {
  const isOci = members.some(({ mediaType }) => mediaType === mediaTypes.manifest);
  const mediaType = isOci ? mediaTypes.index : mediaTypes.dockerList;
  const list = { schemaVersion: 2, mediaType, manifests: members.map(describeMember) };
  return { mediaType, text: JSON.stringify(list, null, 3) };
}
