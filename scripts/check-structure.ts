import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/**
 * Proves the picture in ARCHITECTURE.md: a folder imports only from floors below its own, never from a neighbour, and no file
 * outgrows its reader. (Cycles inside a folder are the linter's to find.)
 */
const floors: string[][] = [
  ["daemon", "library"],
  ["api"],
  ["engine"],
  ["system", "grpc"],
  ["containers", "build"],
  ["launch"],
  ["images", "networks", "volumes", "supervisor-client"],
  ["runtime", "events", "distribution", "dockerfile", "buildkit", "trees", "supervisor-protocol", "metrics"],
  ["formats", "sys", "state"],
  ["errors.ts", "finding.ts", "logger.ts", "trace.ts"],
];
/** Beside the engine's floors: what these may import, and nothing else. */
const beside: Record<string, string[]> = {
  cli: ["client", "registry", "ui", "distribution", "buildkit", "dockerfile", "formats", "errors.ts"],
  client: ["buildkit", "formats", "errors.ts"],
  ui: ["client", "registry", "distribution", "formats", "sys", "errors.ts"],
  registry: ["distribution", "formats", "sys", "errors.ts", "logger.ts"],
  supervisor: ["supervisor-protocol", "formats", "sys", "errors.ts", "trace.ts"],
  resolver: ["supervisor-protocol", "formats", "sys", "errors.ts"],
  relay: ["supervisor-protocol", "formats", "sys", "errors.ts"],
};
/** What crosses on purpose, with the reason. */
const exceptions = new Set([
  // The library hands out both halves.
  "library → client",
  // `berth daemon --ui` serves the page, which comes in by the API like any client.
  "daemon → ui",
  "daemon → client",
  // Names of files in an archive are bytes, and so are those in a directory.
  "sys → formats",
]);

const longestFile = 300;
const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
const complaints: string[] = [];

for (const file of globSync(["src/**/*.ts", "ui/**/*.{ts,tsx}"])) {
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n").length - 1;
  if (lines > longestFile) complaints.push(`${file}: ${lines} lines; ${longestFile} at most`);
  if (file.startsWith("ui/")) {
    // A browser runs it.
    for (const imported of importedFiles(file, text))
      if (imported.startsWith("src/") && !isForBrowsers(imported))
        complaints.push(
          `${file}: the page imports types of src, and formats that any JavaScript runs: ${imported}`,
        );
    continue;
  }
  const from = roomOf(file);
  for (const [, path] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    const to = roomOf(normalize(join(dirname(file), path!)));
    if (from !== to && !mayImport(from, to))
      complaints.push(`${file}: ${from} may not import ${to} (${path})`);
  }
}

/** What is there when it runs; "" for a package. */
function importedFiles(file: string, text: string): string[] {
  const imports = text.matchAll(/^import (?!type )[^"]*"([^"]+)"/gm);
  return [...imports].map(([, path = ""]) =>
    path.startsWith(".") ? normalize(join(dirname(file), path)) : "",
  );
}

/** Of the formats, or the errors, and needs nothing but the language. */
function isForBrowsers(file: string): boolean {
  const needed = importedFiles(file, readFileSync(file, "utf8"));
  return (
    /^src\/(formats\/|errors\.ts$)/.test(file) && needed.every((one) => one !== "" && isForBrowsers(one))
  );
}

function roomOf(file: string): string {
  return file.split("/")[1] ?? file;
}

function mayImport(from: string, to: string): boolean {
  if (exceptions.has(`${from} → ${to}`)) return true;
  if (beside[from]) return beside[from].includes(to);
  const above = floorOf.get(from);
  const below = floorOf.get(to);
  return above !== undefined && below !== undefined && above < below;
}

for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;
