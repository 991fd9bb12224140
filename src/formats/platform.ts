import { invalid } from "../errors.ts";
import { hostPlatform } from "./image-config.ts";
import type { Platform } from "./oci-manifest.ts";

/** Other words for an architecture, with the variant that goes with them. */
const architectures = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["i386", "386"],
  ["i686", "386"],
  ["aarch64", "arm64"],
  ["armhf", "arm/v7"],
  ["armel", "arm/v6"],
]);
const knownArchitectures = new Set(
  "386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x wasm".split(" "),
);
const usualVariants = new Map([
  ["amd64", "v1"],
  ["arm64", "v8"],
]);
const systems = new Set(
  "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris windows".split(" "),
);

/** "linux/arm64/v8", "linux" or "arm64", the rest being this machine's. @throws invalid in Docker's words */
export function parsePlatform(text: string): Platform {
  const wrong = (reason: string) => invalid(`${JSON.stringify(text)}${reason}: invalid argument`);
  const words = text.toLowerCase().split("/");
  if (words.length > 3) throw wrong(": cannot parse platform specifier");
  const odd = text.split("/").find((word) => !/^[A-Za-z0-9_.-]+$/.test(word));
  if (odd !== undefined) {
    const rule = 'platform specifier component must match "^[A-Za-z0-9_.-]+$"';
    throw invalid(
      `${JSON.stringify(odd)} is an invalid component of ${JSON.stringify(text)}: ${rule}: invalid argument`,
    );
  }
  const host = hostPlatform();
  const [first = "", second, variant] = words;
  if (second !== undefined) return { os: first, ...readArchitecture(second), ...(variant && { variant }) };
  if (systems.has(first)) return { ...host, os: first };
  const single = readArchitecture(first);
  if (!knownArchitectures.has(single.architecture)) throw wrong(": unknown operating system or architecture");
  return { os: host.os, ...single };
}

function readArchitecture(word: string): { architecture: string; variant?: string } {
  const [architecture = "", variant] = (architectures.get(word) ?? word).split("/");
  return { architecture, ...(variant && { variant }) };
}

/** "linux/arm64/v8". */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join("/");
}

/**
 * All platforms whose images run on one, the best first, as containerd orders them: a newer variant runs what is for an older one, and
 * a 64-bit machine of two families what is for its 32-bit one.
 */
export function platformsFor(wanted: Platform): Platform[] {
  const { os, architecture, variant } = normalize(wanted);
  const of = (name: string, variants: readonly string[]) =>
    variants.map((one) => normalize({ os, architecture: name, ...(one && { variant: one }) }));
  const down = (from: number, to: number) =>
    Array.from({ length: Math.max(0, from - to + 1) }, (_, step) => `v${from - step}`);
  const version = Number(/^v(\d{1,2})$/.exec(variant ?? "")?.[1] ?? Number.NaN);
  switch (architecture) {
    case "amd64":
      return [
        ...(version > 1 ? of("amd64", down(version, 2)) : []),
        ...of("amd64", [""]),
        ...of("386", [""]),
      ];
    case "arm":
      return version >= 5 ? of("arm", down(version, 5)) : of("arm", [variant ?? ""]);
    case "arm64":
      return [...of("arm64", version > 8 ? down(version, 8) : [variant ?? ""]), ...of("arm", down(8, 5))];
    default:
      return [{ os, architecture, ...(variant && { variant }) }];
  }
}

/** The one of these that fits a platform best; one without a platform fits every machine, when no other does. */
export function findForPlatform<T extends { platform?: Platform }>(
  candidates: readonly T[],
  wanted: Platform = hostPlatform(),
): T | undefined {
  for (const fitting of platformsFor(wanted)) {
    const found = candidates.find(({ platform }) => platform && isSamePlatform(platform, fitting));
    if (found) return found;
  }
  return candidates.find(({ platform }) => platform === undefined);
}

/** Whether its words are such as a platform is asked for by. */
export function isPlatform({ os, architecture, variant = "x" }: Platform): boolean {
  return [os, architecture, variant].every((word) => /^[A-Za-z0-9_.-]{1,64}$/.test(word));
}

export function isSamePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalize(a)) === formatPlatform(normalize(b));
}

/** A variant that goes without saying is not said: "arm64/v8" is "arm64", "arm" is "arm/v7". */
function normalize({ os, architecture, variant = "" }: Platform): Platform {
  const usual = usualVariants.get(architecture);
  const given = /^[5-9]$/.test(variant) ? `v${variant}` : variant;
  if (architecture === "arm") return { os, architecture, variant: given || "v7" };
  return { os, architecture, ...(given && given !== usual && { variant: given }) };
}
