import { invalid } from "../errors.ts";
import { locate } from "./arguments.ts";
import { type Flags, readFlags } from "./flags.ts";
import { findHeredocWord } from "./heredocs.ts";
import type { Add, Copy, Heredoc } from "./instructions.ts";
import type { Statement } from "./statements.ts";

const shared = { chown: "once", chmod: "once", link: "boolean", exclude: "often" } as const;

export function parseAdd(statement: Statement): Add {
  const args = sourcesAndDestination(statement);
  const flags = readFlags(statement.flags, {
    ...shared,
    "keep-git-dir": "boolean",
    checksum: "once",
    unpack: "boolean",
  });
  const checksum = flags.checksum?.[0];
  const unpack = flags.unpack?.[0];
  return {
    ...locate(statement),
    kind: "add",
    ...readPlaces(statement, args),
    ...readShared(flags),
    keepGitDir: flags["keep-git-dir"]?.[0] === "true",
    ...(checksum && { checksum }),
    ...(unpack && { unpack: unpack === "true" }),
  };
}

export function parseCopy(statement: Statement): Copy {
  const args = sourcesAndDestination(statement);
  const flags = readFlags(statement.flags, { ...shared, from: "once", parents: "boolean" });
  const from = flags.from?.[0];
  return {
    ...locate(statement),
    kind: "copy",
    ...readPlaces(statement, args),
    ...readShared(flags),
    ...(from && { from }),
    parents: flags.parents?.[0] === "true",
  };
}

function readShared(flags: Flags<keyof typeof shared>) {
  const [chown, chmod, link] = [flags.chown?.[0], flags.chmod?.[0], flags.link?.[0]];
  return {
    ...(chown && { chown }),
    ...(chmod && { chmod }),
    ...(link && { link: link === "true" }),
    exclude: flags.exclude ?? [],
  };
}

function sourcesAndDestination(statement: Statement): string[] {
  if (statement.args.length >= 2) return statement.args;
  throw invalid(
    `${statement.keyword.toUpperCase()} requires at least two arguments, but only one was provided. Destination could not be determined`,
  );
}

function readPlaces({ keyword, heredocs: given }: Statement, args: string[]) {
  const destination = args.at(-1)!;
  if (findHeredocWord(destination))
    throw invalid(`${keyword.toUpperCase()} cannot accept a heredoc as a destination`);
  const contents = new Map(given.map((heredoc) => [heredoc.name, heredoc]));
  const sources: string[] = [];
  const heredocs: Heredoc[] = [];
  for (const source of args.slice(0, -1)) {
    const opening = findHeredocWord(source);
    // In a JSON array it has no content.
    if (opening) heredocs.push({ content: "", written: "", ...contents.get(opening.name), ...opening });
    else sources.push(source);
  }
  return { sources, heredocs, destination };
}
