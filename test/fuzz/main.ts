import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";
import { targets } from "./targets.ts";

/** `npm run fuzz -- --target tar --count 1000000 --seed 7`: one target or, without its name, all. */
const { values } = parseArgs({
  options: { target: { type: "string" }, count: { type: "string" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? 1);
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0) {
  console.error(`no such target: ${values.target}; there are ${targets.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}
let failed = 0;
for (const target of chosen) {
  const count = Number(values.count ?? target.smallCount * 10);
  const { refused, seconds, fallen } = await fuzz(target, {
    count,
    seed,
    report: (line) => console.log(line),
  });
  const rate = Math.round(count / seconds);
  console.log(
    `${target.name}: ${count} inputs from seed ${seed}, ${rate}/s, ${refused} refused, ${fallen.length} fell`,
  );
  failed += fallen.length;
}
process.exitCode = failed > 0 ? 1 : 0;
