import type { CheckFinding } from "../../formats/docker-api/docker-api-system.ts";
import { defineCommand } from "../command.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { repair: bool("", "Make right what can be") },
  async run({ cli, flags }) {
    const client = await cli.client();
    const findings = await client.check({ repair: flags.repair });
    for (const finding of findings) cli.print(describe(finding));
    const left = findings.filter(({ Repair }) => Repair !== "done");
    if (findings.length === 0) cli.print("Records, processes, networks, mounts and files agree.");
    if (left.some(({ Repair }) => Repair === "possible")) {
      cli.print("To repair what can be repaired: berth system check --repair");
    }
    return left.length > 0 ? 1 : 0;
  },
});

function describe({ Subject, Problem, Repair, Reason }: CheckFinding): string {
  const outcome = { manual: "", possible: "", done: " (repaired)", failed: " (not repaired)" }[Repair];
  return `${Subject}: ${Problem}${outcome}${Reason ? `: ${Reason}` : ""}`;
}
