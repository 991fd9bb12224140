import { existsSync, readFileSync } from "node:fs";
import { messageOf } from "../../errors.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, string } from "../flag.ts";
import { formatAnalysis } from "./explore-report.ts";
import {
  applyRules,
  judgePacking,
  type PackingRules,
  parsePackingRules,
  usualRules,
} from "./explore-rules.ts";
import { exploreScreen } from "./explore-screen.ts";

const usualFile = ".dive-ci";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE",
  description:
    "In a terminal the layers and their files are shown to walk through. Elsewhere, and with --no-screen, a summary is printed.",
  arity: [1, 1],
  flags: {
    ci: bool("", "Judge the image by rules, and exit with 1 when one is broken"),
    "ci-config": string("", `File with the rules, as dive has them (default "${usualFile}" where it is)`),
    "highest-user-wasted-percent": string(
      "",
      "With --ci: the most that may be wasted above the base, 0 to 1",
    ),
    "highest-wasted-bytes": string("", "With --ci: the most bytes that may be wasted, such as 20MB"),
    json: bool("", "Print the analysis as JSON"),
    "lowest-efficiency": string("", "With --ci: the least part of the bytes that must be seen, 0 to 1"),
    "no-screen": bool("", "Print a summary, in a terminal as well"),
    platform: string("", "The image of this platform (os[/arch[/variant]])"),
  },
  async run({ cli, flags, given, args: [name = ""] }) {
    const values = {
      lowestEfficiency: flags["lowest-efficiency"],
      highestWastedBytes: flags["highest-wasted-bytes"],
      highestUserWastedPercent: flags["highest-user-wasted-percent"],
    };
    const rules = flags.ci ? applyRules(readRules(flags["ci-config"]), values) : undefined;
    const client = await cli.client();
    const platform = flags.platform || undefined;
    const analysis = await client.images.analyze(name, { platform });
    if (flags.json) cli.print(JSON.stringify(analysis, null, 2));
    if (rules) {
      const verdicts = judgePacking(analysis, rules);
      for (const { rule, isKept, text } of verdicts)
        (flags.json ? cli.warn : cli.print)(`${isKept ? "PASS" : "FAIL"}  ${rule}: ${text}`);
      return verdicts.every(({ isKept }) => isKept) ? 0 : 1;
    }
    if (flags.json) return 0;
    const isShown = cli.stdout.isTTY === true && cli.stdin.isTTY === true && !given.has("no-screen");
    if (isShown) await exploreScreen(cli, client, { name, platform, analysis });
    else for (const line of formatAnalysis(analysis)) cli.print(line);
    return 0;
  },
});

function readRules(file: string): PackingRules {
  if (file === "" && !existsSync(usualFile)) return usualRules();
  const path = file || usualFile;
  try {
    return parsePackingRules(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ExitError(1, `cannot read the rules in ${path}: ${messageOf(error)}`);
  }
}
