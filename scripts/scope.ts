import { globSync, readFileSync, writeFileSync } from "node:fs";

/** Writes SCOPE.md from the code that refuses; with --check only says whether it is what would be written. */
const read = (path: string) => readFileSync(path, "utf8");
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match.slice(1));

const operations = all(
  read("src/api/routes.ts"),
  /\["(\w+)", "([^"]+)", system\.(?:notYet\("([^"]+)"\)|no(Plugins|Swarm|Checkpoints))\]/g,
).map(
  ([method, path, what, never]) =>
    `| \`${method} ${path?.replace(/[:*](\w+)/g, "{$1}")}\` | ${what ?? `no ${never?.toLowerCase()}`} |`,
);

const logs = globSync("src/containers/logs/*.ts").map(read).join("");
const lists = all(logs, /const (otherDrivers) = \[([^\]]+)\]/g);
const wordsOf = (name: string) =>
  lists
    .find(([one]) => one === name)?.[1]
    ?.replaceAll('"', "")
    .trim()
    .replace(/,$/, "") ?? "";

const messages = globSync("src/{networks,volumes,client}/**/*.ts")
  .sort()
  .flatMap((file) => all(read(file), /["`]([^"`]*(?:is|are) not yet supported)[^"`]*["`]/g))
  .map(([text = ""]) => text.replace(/^invalid /, "").replace(/\$\{(\w+)\}/g, "*$1*"));

const text = `# Scope

What this engine refuses, by name, because it is not built yet or never will be. Everything else that Docker's API and command line
have is served. This page is made by \`node scripts/scope.ts\` from the code that refuses, and \`npm run check\` compares it.

## Operations of the API

| | |
|---|---|
${operations.join("\n")}

## Log drivers

${wordsOf("otherDrivers")}.

## Networks, volumes, hosts

${[...new Set(messages)].map((message) => `- ${message}`).join("\n") || "Nothing."}
`;

if (process.argv.includes("--check")) {
  if (read("SCOPE.md") !== text) {
    console.error("SCOPE.md is not what the code refuses: run node scripts/scope.ts");
    process.exitCode = 1;
  }
} else writeFileSync("SCOPE.md", text);
