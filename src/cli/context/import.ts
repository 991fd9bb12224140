import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { hasCode } from "../../errors.ts";
import { createTarReader } from "../../formats/tar/tar-reader.ts";
import { defineCommand } from "../command.ts";
import {
  checkContextName,
  decodeContext,
  hasContext,
  putContext,
  type TlsMaterial,
  tlsFileNames,
} from "./store.ts";

/** Larger no context is. */
const mostBytes = 10 << 20;

export const command = defineCommand({
  usage: "CONTEXT FILE|-",
  arity: [2, 2],
  flags: {},
  async run({ cli, args: [name = "", file = ""] }) {
    checkContextName(name);
    if (hasContext(cli.configFolder, name)) throw new Error(`context ${JSON.stringify(name)} already exists`);
    const members = await readMembers(file === "-" ? cli.stdin : createReadStream(file)).catch(
      (error: unknown) => {
        throw hasCode(error, "ENOENT") ? new Error(`open ${file}: no such file or directory`) : error;
      },
    );
    const metadata = members.get("meta.json");
    if (!metadata) throw new Error("invalid context: no metadata found");
    const tls: TlsMaterial = {};
    for (const path of tlsFileNames) {
      const content = members.get(`tls/docker/${path}`);
      if (content) tls[path] = content;
    }
    putContext(cli.configFolder, { ...decodeContext(metadata.toString()), name }, tls);
    cli.print(name);
    cli.warn(`Successfully imported context ${JSON.stringify(name)}`);
    return 0;
  },
});

/** Its files by name, none of which is ever a path here. @throws Error for an archive that is damaged, or too large for a context */
async function readMembers(archive: Readable): Promise<Map<string, Buffer>> {
  const reader = createTarReader();
  const members = new Map<string, Buffer>();
  let name: string | undefined;
  let pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of archive) {
    sizeBytes += chunk.length;
    if (sizeBytes > mostBytes) throw new Error("invalid context: the archive is too large");
    for (const event of reader.push(chunk)) {
      if (event.kind === "entry") {
        name = event.entry.type === "file" ? event.entry.name.replace(/^\.\//, "") : undefined;
        pieces = [];
      } else if (event.kind === "data") pieces.push(Buffer.from(event.data));
      else if (event.kind === "hole") throw new Error("invalid context: a sparse file in it");
      else if (name !== undefined) members.set(name, Buffer.concat(pieces));
    }
  }
  reader.finish();
  return members;
}
