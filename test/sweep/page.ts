import { explanations } from "./explained.ts";

/** `docs/differences.md`: the differences that stay on purpose. */
export function formatPage(): string {
  const reasons = Map.groupBy(explanations, ({ reason }) => reason);
  const rows = [...reasons].map(
    ([reason, ones]) =>
      `| ${ones
        .map(({ about }) => about)
        .join("; ")
        .replaceAll("|", "\\|")} | ${reason} |`,
  );
  return `# Differences from docker

\`npm run sweep\` gives some 1,200 command lines to this engine and to a real docker 28.5.2, each with its own command line, and compares
exit codes, output and errors. These are the differences that stay, and why; any other fails it. The page is made by
\`node scripts/differences.ts\` from \`test/sweep/explained.ts\`, where each is written to the letter.

| Where | Why |
|---|---|
${rows.join("\n")}

What no command line shows:

| Where | Why |
|---|---|
| \`json-file\` without \`max-size\` | five files of 20 MB are kept, where docker's log grows until the disk is full; \`max-size\` and \`max-file\` keep more ([logs.md](logs.md)) |
| \`local\` with \`max-file=1\` and no \`compress\` | it is taken, and not compressed; docker's fails at each start |
`;
}
