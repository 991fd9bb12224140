import { parseCsvLine } from "../../formats/csv.ts";
import { parseGoBool } from "../../formats/go-bool.ts";
import { ExitError } from "../command.ts";

/**
 * What is to be said beside the image, as attributes of a build: the engine refuses what it cannot say.
 * @param given values of `--attest`: "type=provenance,mode=max", "type=sbom"; those of the short flags count before them
 * @throws ExitError in buildx's words
 */
export function attestationsOf(
  given: readonly string[],
  { provenance, sbom }: { provenance: string; sbom: string },
): Map<string, string> {
  const attributes = new Map<string, string>();
  const put = (type: string, fields: readonly string[]) => {
    const isDisabled = fields.some(
      (field) => /^disabled=/.test(field) && parseGoBool(field.slice(9)) === true,
    );
    const rest = fields.filter((field) => !/^(type|disabled)=/.test(field));
    if (!isDisabled && !attributes.has(`attest:${type}`)) attributes.set(`attest:${type}`, rest.join(","));
  };
  for (const [type, text] of Object.entries({ provenance, sbom })) {
    const isWanted = parseGoBool(text);
    if (text !== "" && isWanted !== false) put(type, isWanted ? [] : parseCsvLine(text));
  }
  for (const text of given) {
    const fields = parseCsvLine(text);
    const type = fields.find((field) => field.startsWith("type="))?.slice("type=".length);
    if (!type) throw new ExitError(1, "attestation type not specified");
    put(type, fields);
  }
  return attributes;
}

/**
 * `--annotation`: "KEY=VALUE", "index:KEY=VALUE", "manifest[linux/amd64],index:KEY=VALUE", as attributes of an exporter.
 * @throws ExitError
 */
export function exporterAnnotationsOf(given: readonly string[]): [string, string][] {
  return given.flatMap((text): [string, string][] => {
    const equals = text.indexOf("=");
    const [, kinds = "manifest", key = ""] =
      /^(?:([a-z-]+(?:\[[\w/-]+\])?(?:,[a-z-]+(?:\[[\w/-]+\])?)*):)?(.+)$/.exec(
        text.slice(0, Math.max(equals, 0)),
      ) ?? [];
    if (key === "")
      throw new ExitError(1, `invalid annotation ${JSON.stringify(text)}: expected [TYPE:]KEY=VALUE`);
    return kinds.split(",").map((kind) => {
      const name = kind === "manifest" ? "annotation" : `annotation-${kind}`;
      return [`${name}.${key}`, text.slice(equals + 1)];
    });
  });
}
