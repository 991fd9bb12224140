import { ApiError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import { encodeId } from "../../client/encode-id.ts";
import { encodeImageName } from "../../client/encode-name.ts";
import { type Query, readText } from "../../client/transport.ts";
import type { InspectType } from "../../formats/go-template/inspect-types.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, string } from "../flag.ts";
import { type InspectedObject, inspectObjects } from "../inspect-objects.ts";
import { inspectFormatHelp } from "../output.ts";

interface Kind {
  name: string;
  type: InspectType;
  path(id: string): string;
}

/** In the order in which a name of unknown type is looked for. */
const kinds: readonly Kind[] = [
  { name: "container", type: "Container", path: (id) => `/containers/${encodeId("container", id)}/json` },
  { name: "image", type: "Image", path: (id) => `/images/${encodeImageName(id)}/json` },
  { name: "network", type: "Network", path: (id) => `/networks/${encodeId("network", id)}` },
  { name: "volume", type: "Volume", path: (id) => `/volumes/${encodeId("volume", id)}` },
];
const otherKinds = ["config", "node", "plugin", "secret", "service", "task"];

export const command = defineCommand({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  arity: [1],
  flags: {
    format: string("f", inspectFormatHelp),
    size: bool("s", "Display total file sizes if the type is container"),
    type: string("", "Only inspect objects of the given type"),
  },
  async run({ cli, flags, given, args }) {
    if (given.has("type") && flags.type === "") {
      throw new ExitError(1, `type is empty: must be one of ${listKinds()}`);
    }
    const wanted = kinds.filter((kind) => flags.type === "" || kind.name === flags.type);
    if (wanted.length === 0) {
      const isKnown = otherKinds.includes(flags.type);
      throw new ExitError(
        1,
        isKnown
          ? `inspecting a ${flags.type} is not yet supported`
          : `unknown type: "${flags.type}": must be one of ${listKinds()}`,
      );
    }
    const client = await cli.client();
    const get = (name: string) =>
      flags.type === ""
        ? findObject(client, name, flags.size)
        : getObject(client, wanted[0]!, name, sizeQuery(wanted[0]!, flags.size));
    return inspectObjects(cli, args, flags.format, get);
  },
});

const listKinds = () =>
  [...kinds.map((kind) => kind.name), ...otherKinds]
    .sort()
    .map((name) => `"${name}"`)
    .join(", ");

async function findObject(client: Client, name: string, isSized: boolean): Promise<InspectedObject> {
  if (name === "") throw new ExitError(1, "invalid container name or ID: value is empty");
  for (const kind of kinds) {
    try {
      return await getObject(client, kind, name, sizeQuery(kind, isSized));
    } catch (error) {
      // What is no name of an image may be one of something else.
      if (!(error instanceof ApiError) || (error.status !== 404 && kind.name !== "image")) throw error;
    }
  }
  throw new ExitError(1, `Error: No such object: ${name}`);
}

const sizeQuery = (kind: Kind, isSized: boolean): Query => ({
  size: (isSized && kind.name === "container") || undefined,
});

async function getObject(client: Client, kind: Kind, name: string, query: Query): Promise<InspectedObject> {
  const response = await client.transport.stream("GET", kind.path(name), { query });
  return { type: kind.type, text: await readText(response) };
}

/** `container inspect`, `image inspect`, …: one type only. */
export const getTyped = (client: Client, name: string, id: string, query: Query = {}) =>
  getObject(client, kinds.find((kind) => kind.name === name)!, id, query);
