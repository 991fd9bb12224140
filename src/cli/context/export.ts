import { writeFileSync } from "node:fs";
import { hasCode } from "../../errors.ts";
import { paddingAfter, type TarEntryType } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";
import { defineCommand } from "../command.ts";
import { defaultContext } from "./choose.ts";
import { contextNamed } from "./endpoint-config.ts";
import { encodeContext, readTlsMaterial } from "./store.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTEXT [FILE|-]",
  arity: [1, 2],
  flags: {},
  async run({ cli, args: [name = "", file = `${name}.dockercontext`] }) {
    const context = contextNamed(cli, name);
    const tls = Object.entries(name === defaultContext ? {} : readTlsMaterial(cli.configFolder, name));
    const folders = tls.length > 0 ? [member("tls", "directory"), member("tls/docker", "directory")] : [];
    const archive = Buffer.concat([
      member("meta.json", "file", Buffer.from(encodeContext(context)), 0o644),
      ...folders,
      ...tls.map(([path, content]) => member(`tls/docker/${path}`, "file", content, 0o600)),
      archiveEnd,
    ]);
    if (file === "-") {
      if (cli.stdout.isTTY) throw new Error("cowardly refusing to export to a terminal, specify a file path");
      cli.stdout.write(archive);
      return 0;
    }
    try {
      writeFileSync(file, archive, { mode: 0o600, flag: "wx" });
    } catch (error) {
      throw hasCode(error, "EEXIST") ? new Error(`open ${file}: file exists`) : error;
    }
    cli.warn(`Written file ${JSON.stringify(file)}`);
    return 0;
  },
});

function member(name: string, type: TarEntryType, content: Buffer = Buffer.alloc(0), mode = 0o700): Buffer {
  const entry = {
    name,
    type,
    mode,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    mtime: { seconds: 0, nanoseconds: 0 },
  };
  return Buffer.concat([encodeEntry(entry), content, Buffer.alloc(paddingAfter(content.length))]);
}
