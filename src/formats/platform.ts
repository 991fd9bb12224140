import { invalid } from "../errors.ts";
import { hostPlatform } from "./image-config.ts";
import type { Platform } from "./oci-manifest.ts";

const architectures: Record<string, string> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  i386: "386",
  i686: "386",
  aarch64: "arm64",
  armhf: "arm/v7",
  armel: "arm/v6",
};
const systems = new Set(["linux", "windows", "darwin", "freebsd"]);

/** "linux/arm64/v8", "linux" or "arm64", the rest being this machine's. @throws invalid in Docker's words */
export function parsePlatform(text: string): Platform {
  const words = text.toLowerCase().split("/");
  if (!/^[a-z0-9_.-]+(\/[a-z0-9_.-]+){0,2}$/.test(text.toLowerCase())) {
    throw invalid(`"${text}" is an invalid platform: use os[/architecture[/variant]]`);
  }
  const host = hostPlatform();
  if (words.length === 1) {
    const [word = ""] = words;
    return systems.has(word) ? { ...host, os: word } : { os: host.os, ...readArchitecture(word) };
  }
  const [os = "", architecture = "", variant] = words;
  return { os, ...readArchitecture(architecture), ...(variant && { variant }) };
}

function readArchitecture(word: string): { architecture: string; variant?: string } {
  const [architecture = "", variant] = (architectures[word] ?? word).split("/");
  return { architecture, ...(variant && { variant }) };
}

/** "linux/arm64/v8". */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join("/");
}
