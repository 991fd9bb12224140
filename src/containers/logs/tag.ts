import { hostname } from "node:os";
import { invalid } from "../../errors.ts";
import { shortId } from "../../formats/digest.ts";
import type { ContainerRecord } from "../container.ts";

type Field = (record: ContainerRecord) => string;

/** What a tag may name, as Docker's templates do. */
const fields: Record<string, Field> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  ContainerID: ({ id }) => id,
  Name: ({ name }) => name,
  ContainerName: ({ name }) => `/${name}`,
  ImageID: ({ imageId }) => shortId(imageId),
  ImageFullID: ({ imageId }) => imageId,
  ContainerImageID: ({ imageId }) => imageId,
  ImageName: ({ config }) => config.Image,
  ContainerImageName: ({ config }) => config.Image,
  Command: ({ args }) => args.join(" "),
  Hostname: () => hostname(),
  DaemonName: () => "docker",
};

/**
 * A log's tag. Of Docker's templates it is the fields alone, since a tag comes with a request: `{{.ImageName}}/{{.Name}}`.
 * @throws EngineError invalid for another template
 */
export function formatTag(record: ContainerRecord, template: string): string {
  return replaceFields(template, (field) => field(record));
}

/** @throws EngineError invalid */
export function checkTag(template: string): void {
  replaceFields(template, () => "");
}

function replaceFields(template: string, textOf: (field: Field) => string): string {
  return template.replace(/\{\{(.*?)(\}\}|$)/gs, (all: string, inside: string, end: string) => {
    const [, name = ""] = /^-? *\.(\w+) *-?$/.exec(inside) ?? [];
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field || end === "")
      throw invalid(`template: log-tag: cannot use ${JSON.stringify(all.slice(0, 128))}`);
    return textOf(field);
  });
}
