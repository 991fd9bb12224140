import { createWriteStream, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BuildExporter } from "../../client/build/build.ts";
import type { OutputReceiver } from "../../client/build/receive-output.ts";
import { parseCsvLine } from "../../formats/csv.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { unpackLocal } from "../container/local-unpack.ts";
import { saveStream } from "../file-output.ts";

/**
 * @param given `output`: "type=tar,dest=FILE", a directory, or "-"; `tag` and `annotations` are for what is an image
 * @throws ExitError in buildx's words
 */
export function outputsOf(
  cli: Cli,
  given: {
    output: readonly string[];
    tag: readonly string[];
    push: boolean;
    load: boolean;
    annotations: readonly [string, string][];
  },
): BuildExporter[] {
  const { push: isPushed, tag: names, annotations } = given;
  const outputs = given.output.map((text) => parseOutput(cli, text));
  if (given.load && outputs.length > 0 && !outputs.some(({ type }) => type === "moby"))
    outputs.push({ type: "moby", attrs: new Map() });
  if (isPushed && outputs.length > 0)
    throw new ExitError(1, "push and output flags cannot be used together: use type=registry");
  const image = { type: "moby", attrs: new Map(isPushed ? [["push", "true"]] : []) };
  const all: BuildExporter[] = outputs.length > 0 ? outputs : [image];
  const images = all.filter(({ type }) => ["moby", "oci", "docker"].includes(type));
  const layouts = images.filter(({ layout }) => layout !== undefined);
  if (layouts.length > 1) throw new ExitError(1, "only one output can have tar=false");
  for (const { attrs } of images) if (!attrs.has("name")) attrs.set("name", names.join(","));
  if (annotations.length > 0 && images.length === 0)
    throw new ExitError(
      1,
      "annotations are of an image: use an output of type image, docker, oci or registry",
    );
  for (const { attrs } of images) for (const [key, value] of annotations) attrs.set(key, value);
  return all;
}

function parseOutput(cli: Cli, text: string): BuildExporter {
  const fields = parseCsvLine(text);
  const [only = ""] = fields;
  const attrs = new Map<string, string>();
  if (fields.length === 1 && !only.includes("=")) {
    attrs.set("type", only === "-" ? "tar" : "local");
    attrs.set("dest", only);
  } else
    for (const field of fields) {
      const equals = field.indexOf("=");
      if (equals < 0) throw new ExitError(1, `invalid value ${field}`);
      attrs.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1));
    }
  const [type = "", dest = ""] = [attrs.get("type"), attrs.get("dest")];
  if (type === "") throw new ExitError(1, "type is required for output");
  attrs.delete("type");
  attrs.delete("dest");
  return { attrs, ...describe(cli, type, dest, attrs) };
}

function describe(
  cli: Cli,
  type: string,
  dest: string,
  attrs: Map<string, string>,
): Pick<BuildExporter, "type" | "receiver" | "layout"> {
  if (["docker", "oci"].includes(type) && isFalse(attrs.get("tar"))) {
    if (dest === "" || dest === "-")
      throw new ExitError(1, `dest is required for ${type} output with tar=false`);
    return { type, layout: resolve(dest) };
  }
  switch (type) {
    case "local":
      if (dest === "" || dest === "-") throw new ExitError(1, "dest is required for local output");
      return { type, receiver: { kind: "files", take: (content) => unpackInto(dest, content) } };
    case "docker":
      if (dest === "") return { type: "moby" };
      return { type, receiver: archiveTo(cli, type, dest) };
    case "tar":
    case "oci":
      return { type, receiver: archiveTo(cli, type, dest) };
    case "image":
      return { type: "moby" };
    case "registry":
      attrs.set("push", "true");
      return { type: "moby" };
    default:
      throw new ExitError(1, `invalid output type: ${type}`);
  }
}

const isFalse = (value = "") => ["0", "f", "F", "false", "FALSE", "False"].includes(value);

async function unpackInto(folder: string, content: Readable): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await unpackLocal(content, { folder, rename: undefined });
}

function archiveTo(cli: Cli, type: string, dest: string): OutputReceiver {
  const isStandard = dest === "" || dest === "-";
  if (isStandard && cli.stdout.isTTY)
    throw new ExitError(1, `dest file is required for ${type} exporter. refusing to write to console`);
  return {
    kind: "archive",
    isStandardOutput: isStandard,
    async take(content) {
      if (isStandard) return saveStream(cli, "", async () => content, "failed to write the output");
      mkdirSync(dirname(dest), { recursive: true });
      await pipeline(content, createWriteStream(dest));
    },
  };
}
