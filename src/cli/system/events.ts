import type { EventMessage } from "../../formats/docker-api/docker-api-system.ts";
import { goMap, goStruct } from "../../formats/go-template/go-template.ts";
import { defineCommand } from "../command.ts";
import { filterFlag, toFilters } from "../filter.ts";
import { string } from "../flag.ts";
import { executeOrExit, formatLocalRfc3339, inspectFormatHelp, parseOrExit } from "../output.ts";
import { parseTimeFlag } from "../time-flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    filter: filterFlag("Filter output based on conditions provided"),
    format: string("", inspectFormatHelp),
    since: string("", "Show all events created since timestamp"),
    until: string("", "Stream events until this timestamp"),
  },
  async run({ cli, flags }) {
    const isJson = flags.format === "json" || flags.format === "{{json .}}";
    const template =
      flags.format === "" || isJson ? undefined : parseOrExit(flags.format, "Error parsing format: ", 64);
    if (template) executeOrExit(template, eventStruct(noEvent, 0n), "Error parsing format: ", 64);
    const client = await cli.client();
    const lines = await client.eventLines({
      since: parseTimeFlag("", flags.since),
      until: parseTimeFlag("", flags.until),
      filters: toFilters(flags.filter),
    });
    for await (const line of lines) {
      const event: EventMessage = JSON.parse(line);
      const nanoseconds = nanosecondsOf(line);
      if (isJson) cli.print(line);
      else if (template === undefined) cli.print(formatEvent(event, nanoseconds));
      else cli.print(executeOrExit(template, eventStruct(event, nanoseconds)));
    }
  },
});

/** What a template is tried with before there are events. */
const noEvent: EventMessage = {
  Type: "",
  Action: "",
  Actor: { ID: "", Attributes: {} },
  time: 0,
  timeNano: 0,
};

/** Of an event as it came: they are more than a number holds. */
const nanosecondsOf = (line: string) => BigInt(/"timeNano":\s*(\d+)/.exec(line)?.[1] ?? 0);

function eventStruct(event: EventMessage, nanoseconds: bigint) {
  const { Actor: actor } = event;
  const fields = {
    Type: event.Type,
    Action: event.Action,
    Actor: goStruct(
      "events.Actor",
      { ID: actor.ID, Attributes: goMap(actor.Attributes ?? {}, "", actor.Attributes) },
      actor,
    ),
    Scope: event.scope ?? "",
    Time: event.time,
    TimeNano: nanoseconds,
    Status: event.status ?? "",
    ID: event.id ?? "",
    From: event.from ?? "",
  };
  return goStruct("*events.Message", fields, { ...event, timeNano: nanoseconds });
}

/** `TIME TYPE ACTION ID (KEY=VALUE, …)`, the time local with nine decimals. */
function formatEvent(event: EventMessage, nanoseconds: bigint): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  const time = formatLocalRfc3339(event.time, String(nanoseconds).slice(-9).padStart(9, "0"));
  const suffix = attributes.length > 0 ? ` (${attributes.join(", ")})` : "";
  return `${time} ${event.Type} ${event.Action} ${event.Actor.ID}${suffix}`;
}
