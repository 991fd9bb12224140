import { timeOf } from "../../../client/build/builder.ts";
import { formatColumns } from "../../../formats/table.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { string } from "../../flag.ts";
import { durationOf, findBuild, nameOf, outcomeOf, type PastBuild, withBuilder } from "./records.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [BUILD]",
  arity: [0, 1],
  flags: { format: string("", 'Format the output ("json")') },
  async run({ cli, flags, args: [ref] }) {
    if (flags.format !== "" && flags.format !== "json")
      throw new ExitError(1, `invalid format ${JSON.stringify(flags.format)}: json is the only one`);
    const build = await withBuilder(cli, (builder) => findBuild(builder, ref));
    const facts = describe(build);
    cli.print(flags.format === "json" ? JSON.stringify(facts, undefined, 2) : formatFacts(facts));
  },
});

function describe(build: PastBuild) {
  const { record } = build;
  const below = (prefix: string) =>
    Object.fromEntries(
      [...record.frontendAttrs]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key.slice(prefix.length), value]),
    );
  return {
    Name: nameOf(record),
    Ref: record.ref,
    Dockerfile: record.frontendAttrs.get("filename") ?? "",
    Context: record.frontendAttrs.get("context") ?? "",
    Target: record.frontendAttrs.get("target") ?? "",
    Platform: record.frontendAttrs.get("platform") ?? "",
    Started: new Date(timeOf(record)).toISOString(),
    Duration: durationOf(build),
    Status: outcomeOf(build),
    Error: record.error?.message ?? "",
    Steps: {
      Total: record.numTotalSteps,
      Completed: record.numCompletedSteps,
      Cached: record.numCachedSteps,
    },
    Warnings: record.numWarnings,
    BuildArgs: below("build-arg:"),
    Labels: below("label:"),
    Outputs: record.exporters.map(({ type, attrs }) => ({ Type: type, Attrs: Object.fromEntries(attrs) })),
    Response: Object.fromEntries(record.exporterResponse),
  };
}

type Facts = ReturnType<typeof describe>;

/** Without what there is none of. */
function formatFacts({ Steps, BuildArgs, Labels, Outputs, Response, ...plain }: Facts): string {
  const rows = Object.entries(plain).filter(([, value]) => value !== "");
  const list = (title: string, entries: [string, string][]) =>
    entries.length === 0 ? [] : ["", `${title}:`, ...entries.map(([key, value]) => `  ${key}\t${value}`)];
  const steps = `${Steps.Completed}/${Steps.Total} (${Steps.Cached} cached)`;
  return formatColumns(
    [
      ...rows.map(([key, value]) => `${key}:\t${value}`),
      `Steps:\t${steps}`,
      ...list("Build args", Object.entries(BuildArgs)),
      ...list("Labels", Object.entries(Labels)),
      ...list(
        "Outputs",
        Outputs.map(({ Type, Attrs }) => [
          Type,
          Object.entries(Attrs)
            .map((pair) => pair.join("="))
            .join(","),
        ]),
      ),
      ...list("Result", Object.entries(Response)),
    ].join("\n"),
  );
}
