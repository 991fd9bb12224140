import { timeOf } from "../../../client/build/builder.ts";
import { goRow } from "../../../formats/go-template/go-template.ts";
import { formatAge } from "../../../formats/units.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { bool, repeated, string } from "../../flag.ts";
import { ellipsis, formatHelp, printList } from "../../output.ts";
import { durationOf, nameOf, outcomeOf, type PastBuild, withBuilder } from "./records.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    filter: repeated("", 'Filter builds ("status=error", "duration>5s", "startedAt>1h", "repository=NAME")'),
    format: string("", formatHelp),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show build IDs"),
  },
  async run({ cli, flags }) {
    const builds = await withBuilder(cli, (builder) => builder.listHistory(joinFilters(flags.filter)));
    printList(cli, {
      format: flags.quiet ? "{{.Ref}}" : flags.format,
      table: "{{.Ref}}\t{{.Name}}\t{{.Status}}\t{{.CreatedAt}}\t{{.Duration}}",
      headers: {
        ...{ Ref: "BUILD ID", Name: "NAME", Status: "STATUS" },
        ...{ CreatedAt: "CREATED AT", Duration: "DURATION" },
      },
      rows: builds.map((build) => rowOf(build, !flags["no-trunc"])),
    });
  },
});

/** All of them have to fit. @throws ExitError */
function joinFilters(given: readonly string[]): string[] {
  const parts = given.map((text) => {
    const [, field, operator, value] = /^([a-zA-Z]+)(==|!=|~=|>=|<=|=|>|<)([^,]*)$/.exec(text) ?? [];
    if (field === undefined) throw new ExitError(1, `invalid filter ${JSON.stringify(text)}`);
    return `${field}${operator === "=" ? (field === "status" ? "==" : "~=") : operator}${value}`;
  });
  return parts.length > 0 ? [parts.join(",")] : [];
}

function rowOf(build: PastBuild, isTruncated: boolean) {
  const { record } = build;
  return goRow("*history.lsContext", {
    Ref: () => record.ref,
    Name: () => (isTruncated ? ellipsis(nameOf(record), 36) : nameOf(record)),
    Status: () => outcomeOf(build),
    CreatedAt: () => `${formatAge((Date.now() - timeOf(record)) / 1000)} ago`,
    Duration: () => durationOf(build),
  });
}
