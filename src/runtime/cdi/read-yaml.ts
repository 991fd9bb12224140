import { parseDocument, type Tags } from "yaml";

const mostAliases = 100;

/**
 * Reads a document as the tools that write such files do: `0666` is octal and `yes` is true, but `1:30` is text and not ninety.
 * JSON is YAML too. @throws Error
 */
export function readYaml(content: string): unknown {
  const document = parseDocument(content, {
    version: "1.1",
    customTags: withoutTimes,
    // Any other would be an error of the file.
    uniqueKeys: true,
    prettyErrors: true,
    logLevel: "error",
  });
  const [error] = document.errors;
  if (error) throw new Error(error.message.split("\n")[0]?.replace(/:$/, ""));
  return document.toJS({ maxAliasCount: mostAliases });
}

const unknownToTools = new Set(["timestamp", "binary", "omap", "pairs", "set", "merge"]);

function withoutTimes(tags: Tags): Tags {
  return tags.filter(
    (tag) =>
      typeof tag !== "object" ||
      (!("format" in tag && tag.format === "TIME") &&
        !unknownToTools.has(tag.tag.replace("tag:yaml.org,2002:", ""))),
  );
}
