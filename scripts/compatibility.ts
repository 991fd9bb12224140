import { readFileSync, writeFileSync } from "node:fs";
import { commands } from "../src/cli/table.ts";
import { table } from "../src/daemon/flag-table.ts";
import * as bodies from "../src/formats/docker-api/docker-api-bodies.ts";
import { configShape, endpointShape } from "../src/formats/docker-api/docker-api-config.ts";
import { hostConfigShape, updateShape } from "../src/formats/docker-api/docker-api-host-config.ts";
import { readParameters } from "./docker/read-parameters.ts";
import { type Area, reasonFor, unusedReasons } from "./docker/reasons.ts";

/**
 * Writes docs/compatibility.md: what Docker 28.5.2's API and programs have (the lists in scripts/docker), and what the tables here have
 * of it. With --check only says whether it is what would be written. What is missing without a reason fails either way.
 */
const page = "docs/compatibility.md";
const unexplained: string[] = [];

/** Lines of a list: "name: word word". */
const readList = (name: string) =>
  readFileSync(new URL(`docker/${name}.txt`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [, head = line, words = ""] = /^(.*?)(?:: (.*))?$/.exec(line) ?? [];
      return { head, words: words.split(" ").filter(Boolean) };
    });

/** "all `n`", or which are missing and why. */
function state(
  area: Area,
  subject: string,
  wanted: readonly string[],
  has: (word: string) => boolean,
): string {
  // What has a reason is refused, also where its name is read.
  const isThere = (word: string) => has(word) && reasonFor(area, subject, word, true) === undefined;
  const missing = wanted.filter((word) => !isThere(word));
  if (wanted.length === 0) return "";
  const reasons = new Map<string, string[]>();
  for (const word of missing) {
    const reason = reasonFor(area, subject, word, has(word));
    if (reason === undefined) unexplained.push(`${area}: ${subject}: ${word}`);
    reasons.set(reason ?? "?", [...(reasons.get(reason ?? "?") ?? []), word]);
  }
  const left = [...reasons].map(
    ([reason, words]) => `not ${words.map((word) => `\`${word}\``).join(" ")}: ${reason}`,
  );
  const there = wanted.filter(isThere).map((word) => `\`${word}\``);
  return [there.join(" "), ...left].filter(Boolean).join("; ");
}

const routes = [...readFileSync("src/api/routes.ts", "utf8").matchAll(/\["(\w+)", "([^"]+)", ([\w.]*)/g)].map(
  ([, method = "", path = "", handler = ""]) => ({ method, path, handler }),
);

/** Families of Docker's that are refused as one. */
const families = /^\/(?:swarm|nodes|services|tasks|secrets|configs)(?:\/|$)/;

function findRoute(operation: string) {
  const [method, path = ""] = operation.split(" ");
  if (families.test(path)) return { method, path, handler: "system.noSwarm" };
  const pattern = (route: string) =>
    new RegExp(`^${route.replace(/:\w+/g, "[^/]+").replace(/\*\w*/g, ".+")}$`);
  return routes.find((route) => route.method === method && pattern(route.path).test(path));
}

const refusals: Record<string, string> = {
  "system.noCheckpoints": "refused: no checkpoints",
  "system.noPlugins": "refused: no plugins",
  "system.noSwarm": "refused: no swarm",
};

const operations = readList("operations").map(({ head, words }) => {
  const route = findRoute(head);
  const refusal = refusals[route?.handler ?? ""];
  if (!route) unexplained.push(`operation: ${head}`);
  const read = readParameters(route?.handler ?? "");
  const parameters = refusal ? "" : state("parameter", head, words, (word) => read.has(word));
  return `| \`${head}\` | ${refusal ?? (route ? "yes" : "no")} | ${parameters} |`;
});

const shapes: Record<string, { fields: object }> = {
  "POST /containers/create": { fields: { ...configShape.fields, HostConfig: {}, NetworkingConfig: {} } },
  HostConfig: hostConfigShape,
  "POST /containers/{id}/update": updateShape,
  "POST /containers/{id}/exec": bodies.execCreateShape,
  "POST /exec/{id}/start": bodies.execStartShape,
  "POST /networks/create": bodies.networkCreateShape,
  "POST /networks/{id}/connect": bodies.networkConnectShape,
  "POST /networks/{id}/disconnect": bodies.networkDisconnectShape,
  "POST /volumes/create": bodies.volumeCreateShape,
  EndpointConfig: endpointShape,
};
const members = readList("bodies").map(({ head, words }) => {
  const fields = shapes[head]?.fields ?? {};
  return `| \`${head}\` | ${state("member", head, words, (word) => Object.hasOwn(fields, word))} |`;
});

const lines: string[] = [];
for (const { head, words } of readList("commands")) {
  const [name, entry] =
    Object.entries(commands).find(([known, { aliases }]) => known === head || aliases?.includes(head)) ?? [];
  const reason = reasonFor("command", head.split(" ")[0] ?? "", head, entry?.load !== undefined);
  if (!entry?.load && reason === undefined) unexplained.push(`command: ${head}`);
  const flags = entry?.load ? (await entry.load()).command.spec.flags : {};
  const said = entry?.load ? (name === head ? "yes" : `yes, as \`${name}\``) : `no: ${reason ?? "?"}`;
  const shown = entry?.load ? state("flag", head, words, (word) => Object.hasOwn(flags, word)) : "";
  lines.push(`| \`${head}\` | ${said} | ${shown} |`);
}

const daemonFlags = readList("daemon-flags").map(({ head }) => head);
const hasDaemonFlag = (name: string) => table.some(([known]) => known === name);

const docker = new Set(readList("commands").map(({ head }) => head));
const own = Object.entries(commands)
  .filter(
    ([name, { load, isHidden, aliases }]) =>
      load && !isHidden && ![name, ...(aliases ?? [])].some((one) => docker.has(one)),
  )
  .map(([name, { summary }]) => `| \`${name}\` | ${summary} |`);
const ownRoutes = routes.filter(({ path }) => path.startsWith("/berth/"));

const text = `# Compatibility

What Docker 28.5.2's API, command line and daemon have, and what berth has of it. This page is made by \`node scripts/compatibility.ts\` from the
tables in the code, and \`npm run check\` compares it. Where behaviour differs although the name is there: [differences.md](differences.md).
What is refused by name: [SCOPE.md](../SCOPE.md).

## Operations of the API

The second column is whether it is served, the third which query parameters are.

| operation | served | parameters |
|---|---|---|
${operations.join("\n")}

Besides Docker's: ${ownRoutes.map(({ method, path }) => `\`${method} ${path.replace(/[:*](\w+)/g, "{$1}")}\``).join(", ")}.

## Members of bodies

| body | members |
|---|---|
${members.join("\n")}

## Commands

| command | there | flags |
|---|---|---|
${lines.join("\n")}

\`docker buildx\`, \`docker compose\` and other plugins of Docker's are run as they are.

Besides Docker's:

| command | |
|---|---|
${own.join("\n")}

## Flags of the daemon

${state("daemon", "dockerd", daemonFlags, hasDaemonFlag).replaceAll("; not ", ".\n\nNot ")}.
`;

for (const one of unexplained) console.error(`missing without a reason: ${one}`);
for (const one of unusedReasons()) console.error(`a reason that nothing needs: ${one}`);
if (unexplained.length + unusedReasons().length > 0) process.exitCode = 1;
if (!process.argv.includes("--check")) writeFileSync(page, text);
else if (readFileSync(page, "utf8") !== text) {
  console.error(`${page} is not what the tables say: run node scripts/compatibility.ts`);
  process.exitCode = 1;
}
