import type { StatusResponse } from "../../../buildkit/messages/control.ts";
import { defineCommand } from "../../command.ts";
import { createPlainView } from "../../image/build-view.ts";
import { findBuild, withBuilder } from "./records.ts";

export const command = defineCommand({
  usage: "[BUILD]",
  arity: [0, 1],
  flags: {},
  async run({ cli, args: [ref] }) {
    await withBuilder(cli, async (builder) => {
      const { record } = await findBuild(builder, ref);
      const view = createPlainView(cli.stdout);
      for await (const status of builder.followBuild(record.ref))
        for (const one of inOrder(status)) view.show(one);
      view.close();
    });
  },
});

type Time = StatusResponse["logs"][number]["timestamp"];
const nothing: StatusResponse = { vertexes: [], statuses: [], logs: [], warnings: [] };

/** What has long been reported comes all at once: it is shown in the order in which it was. */
function inOrder({ vertexes, statuses, logs, warnings }: StatusResponse): StatusResponse[] {
  const timed = (time: Time, rank: number, part: Partial<StatusResponse>) => ({
    ...{ time: time ? time.seconds + time.nanos / 1e9 : 0, rank },
    status: { ...nothing, ...part },
  });
  const events = [
    ...vertexes.flatMap((vertex) => [
      timed(vertex.started, 0, { vertexes: [vertex.cached ? vertex : { ...vertex, completed: undefined }] }),
      ...(vertex.completed ? [timed(vertex.completed, 3, { vertexes: [vertex] })] : []),
    ]),
    ...statuses.map((status) => timed(status.completed ?? status.timestamp, 1, { statuses: [status] })),
    ...logs.map((log) => timed(log.timestamp, 2, { logs: [log] })),
  ];
  events.sort((a, b) => a.time - b.time || a.rank - b.rank);
  return [...events.map(({ status }) => status), { ...nothing, warnings }];
}
