import { encodeJournal, journalName } from "../../formats/journal-message.ts";
import type { ContainerRecord } from "../container.ts";
import { attributeOptions, checkAttributes, selectAttributes } from "../logs/attributes.ts";
import type { DriverOptions } from "../logs/file-options.ts";
import { formatTag } from "../logs/tag.ts";
import { openPathDatagrams, writeFitting } from "./connections.ts";
import { createPieces, newId, type Piece } from "./pieces.ts";
import { type LogRemote, lineText, type RemoteDriver, severityOf, shortTagLength } from "./remote.ts";

const socketPath = "/run/systemd/journal/socket";

export const journald: RemoteDriver = {
  options: attributeOptions,
  check: checkAttributes,
  refuseOption: (name) => `unknown log opt '${name}' for journald log driver`,
  connect: async (record, options, onCut) => openJournal(socketPath, record, options, onCut),
};

/** @param path of journald's socket for its native protocol */
export function openJournal(
  path: string,
  record: ContainerRecord,
  options: DriverOptions,
  onCut: () => void = () => {},
): LogRemote {
  const connection = openPathDatagrams(path);
  const tag = formatTag(record, options.tag || "{{.ID}}");
  const fields = { ...describeAttributes(record, options), ...describeContainer(record, tag) };
  const fewer = describeContainer(record, tag.slice(0, shortTagLength));
  const pieceOf = createPieces();
  // Where numbers begin again, a reader of the journal tells by this that the lines are others.
  const epoch = newId();
  let sent = 0;
  return {
    ...connection,
    async send(entries) {
      for (const entry of entries) {
        const own = {
          PRIORITY: String(severityOf(entry)),
          MESSAGE: lineText(entry),
          SYSLOG_TIMESTAMP: entry.time,
          CONTAINER_LOG_EPOCH: epoch,
          CONTAINER_LOG_ORDINAL: String(++sent),
          ...describePiece(pieceOf(entry)),
        };
        const forms = [fields, fewer].map((some) => () => encodeJournal({ ...some, ...own }));
        await writeFitting(connection, forms, onCut);
      }
    },
  };
}

function describePiece(piece: Piece | undefined): Record<string, string> {
  if (!piece) return {};
  return {
    CONTAINER_PARTIAL_ID: piece.id,
    CONTAINER_PARTIAL_ORDINAL: String(piece.ordinal),
    CONTAINER_PARTIAL_LAST: String(piece.isLast),
    ...(piece.isLast ? {} : { CONTAINER_PARTIAL_MESSAGE: "true" }),
  };
}

function describeAttributes(record: ContainerRecord, options: DriverOptions): Record<string, string> {
  const further = Object.entries(selectAttributes(record, options)).flatMap(([name, value]) => {
    const field = journalName(name);
    return field === undefined ? [] : [[field, value]];
  });
  return Object.fromEntries(further);
}

function describeContainer(record: ContainerRecord, tag: string): Record<string, string> {
  return {
    CONTAINER_ID: record.id.slice(0, 12),
    CONTAINER_ID_FULL: record.id,
    CONTAINER_NAME: record.name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: record.config.Image,
    SYSLOG_IDENTIFIER: tag,
  };
}
