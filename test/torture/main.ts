import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { output, startEngine } from "../engine.ts";
import { addSubordinateIds } from "../subordinate-ids.ts";
import { torture } from "./torture.ts";

/** `npm run torture -- --kills 1000 --seed 7`: as long as one likes; with `--userns-remap` in user namespaces. */
const { values } = parseArgs({
  options: { kills: { type: "string" }, seed: { type: "string" }, "userns-remap": { type: "boolean" } },
});
const kills = Number(values.kills ?? 200);
const seed = Number(values.seed ?? 1);
const isRemapped = values["userns-remap"] ?? false;
const removeIds = isRemapped ? addSubordinateIds("irc", 2_900_000) : () => {};
process.once("exit", removeIds);
const engine = await startEngine(isRemapped ? ["--userns-remap", "irc"] : []);
console.log(`${kills} kills with seed ${seed}; the engine's files are in ${engine.folder}`);
await output(engine.berth, ["image", "make", "busybox"]);
const begun = Date.now();
try {
  await torture(engine, { kills, seed, report: (line) => console.log(line) });
} catch (error) {
  console.error(error);
  console.error(readFileSync(join(engine.folder, "daemon.log"), "utf8").split("\n").slice(-30).join("\n"));
  process.kill(engine.pid(), "SIGUSR2");
  process.exit(1);
}
await engine.stop(/supervisor/);
console.log(
  `passed in ${Math.round((Date.now() - begun) / 1000)} s: ${kills} kills, nothing lost, nothing left behind`,
);
