import { globSync, readFileSync } from "node:fs";

/**
 * No function outgrows a screen, and one exported name lives in one room.
 */
const longest = { function: 60, factory: 80, view: 90 };

const complaints: string[] = [];
const roomsOf = new Map<string, Set<string>>();

for (const file of globSync(["src/**/*.ts", "ui/**/*.{ts,tsx}"])) {
  const lines = readFileSync(file, "utf8").split("\n");
  let begun: { at: number; name: string } | undefined;
  lines.forEach((line, at) => {
    const [, name] = /^(?:export )?(?:async )?function\*? (\w+)/.exec(line) ?? [];
    if (name) begun = { at, name };
    if (line === "}" && begun) {
      judgeLength(`${file} ${begun.name}`, begun.name, at - begun.at + 1);
      begun = undefined;
    }
    const [, exported] =
      /^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/.exec(line) ?? [];
    const room = file.split("/")[1] ?? "";
    if (exported && file.startsWith("src/"))
      roomsOf.set(exported, (roomsOf.get(exported) ?? new Set()).add(room));
  });
}

function judgeLength(key: string, name: string, count: number): void {
  // Of a view most is markup, which the formatter spreads.
  const isView = /^[A-Z]/.test(name);
  const most = isView ? longest.view : /^(create|open)[A-Z]/.test(name) ? longest.factory : longest.function;
  if (count > most) complaints.push(`${key}: ${count} lines; ${most} at most`);
}

for (const [name, rooms] of roomsOf) {
  if (rooms.size > 1)
    complaints.push(`${name} is exported by ${[...rooms].join(" and ")}: give one of them another name`);
}
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;
