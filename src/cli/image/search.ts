import type { SearchResult } from "../../formats/docker-api/docker-api-image.ts";
import { goRow } from "../../formats/go-template/go-template.ts";
import { defineCommand } from "../command.ts";
import { filterFlag, toFilters } from "../filter.ts";
import { bool, int, string } from "../flag.ts";
import { addressOf, findAuthIfAny } from "../login/credentials.ts";
import { formatHelp, printList } from "../output.ts";

const shownDescription = 45;

export const command = defineCommand({
  usage: "[OPTIONS] TERM",
  description: "A term that begins with a registry, such as localhost:5000/web, is looked for there.",
  arity: [1, 1],
  flags: {
    filter: filterFlag('Filter output based on conditions provided ("stars=3", "is-official=true")'),
    format: string("", formatHelp),
    limit: int("", "Max number of search results"),
    "no-trunc": bool("", "Don't truncate output"),
  },
  async run({ cli, flags, given, args: [term = ""] }) {
    const client = await cli.client();
    const [server = ""] = /^[^/]*[.:][^/]*\/|^localhost\//.exec(term) ?? [];
    const results = await client.images.search({
      term,
      limit: given.has("limit") ? flags.limit : undefined,
      filters: toFilters(flags.filter),
      auth: await findAuthIfAny(cli, addressOf(server)),
    });
    printList(cli, {
      format: flags.format,
      table: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
      headers: {
        Name: "NAME",
        Description: "DESCRIPTION",
        StarCount: "STARS",
        IsOfficial: "OFFICIAL",
        IsAutomated: "AUTOMATED",
      },
      rows: results.map((result) => searchRow(result, !flags["no-trunc"])),
    });
  },
});

function searchRow(result: SearchResult, isTruncated: boolean) {
  const mark = (isTrue: boolean) => (isTrue ? "[OK]" : "");
  return goRow("*search.searchContext", {
    Name: () => result.name,
    Description: () => {
      const line = result.description.replace(/[\r\n]/g, " ");
      return isTruncated && line.length > shownDescription ? `${line.slice(0, shownDescription - 1)}…` : line;
    },
    StarCount: () => String(result.star_count),
    IsOfficial: () => mark(result.is_official),
    IsAutomated: () => mark(result.is_automated),
  });
}
