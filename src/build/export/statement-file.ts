import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { textOfBytes } from "../../formats/tar/tar-entry.ts";
import { type SourceTree, walkSource } from "../context/source-tree.ts";

/** What is said of files (in-toto), without their names and digests. */
export interface FileStatement {
  predicateType: string;
  /** JSON. */
  predicate: string;
}

const pieceCharacters = 256 * 1024;

/** Writes it with all files of a tree as its subjects, which may be many: for a worker. @param path is new */
export function writeStatement(
  tree: SourceTree,
  { predicateType, predicate }: FileStatement,
  path: string,
): void {
  const fd = openSync(path, "wx", 0o600);
  let waiting = "";
  const write = (text: string, isLast = false) => {
    waiting += text;
    if (waiting.length < pieceCharacters && !isLast) return;
    const bytes = Buffer.from(waiting);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    waiting = "";
  };
  try {
    const type = '  "_type": "https://in-toto.io/Statement/v0.1"';
    write(`{\n${type},\n  "predicateType": ${JSON.stringify(predicateType)},\n  "subject": [`);
    let mark = "\n";
    for (const subject of subjectsOf(tree)) {
      write(`${mark}    ${indent(subject, "    ")}`);
      mark = ",\n";
    }
    const end = mark === "\n" ? "]" : "\n  ]";
    write(`${end},\n  "predicate": ${indent(JSON.parse(predicate), "  ")}\n}`, true);
  } finally {
    closeSync(fd);
  }
}

const indent = (value: unknown, by: string) =>
  JSON.stringify(value, undefined, 2).replaceAll("\n", `\n${by}`);

function* subjectsOf(tree: SourceTree) {
  /** Of files with several names. */
  const known = new Map<string, string>();
  for (const { path, type, identity } of walkSource(tree, "")) {
    if (type !== "file") continue;
    const sha256 = (identity && known.get(identity)) ?? digestOf(tree, path);
    if (identity) known.set(identity, sha256);
    yield { name: textOfBytes(path), digest: { sha256 } };
  }
}

function digestOf(tree: SourceTree, path: string): string {
  const hash = createHash("sha256");
  for (const piece of tree.read(path)) hash.update(piece);
  return hash.digest("hex");
}
