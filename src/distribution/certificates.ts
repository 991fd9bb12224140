import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { internal, invalid, messageOf } from "../errors.ts";
import type { TlsSettings } from "./connection.ts";

/**
 * What `<folder>/<host>` has for a registry: `*.crt` are authorities to trust, `NAME.cert` with `NAME.key` the client's own.
 * @throws invalid for a certificate without its key, and the other way round
 */
export function readCertificates(
  folders: readonly string[],
  host: string,
): Pick<TlsSettings, "authorities" | "certificate" | "key"> {
  const found: Pick<TlsSettings, "authorities" | "certificate" | "key"> = { authorities: [] };
  for (const folder of folders.map((parent) => join(parent, host))) {
    if (!existsSync(folder)) continue;
    const names = readdirSync(folder).sort();
    for (const name of names) {
      if (name.endsWith(".crt")) found.authorities.push(read(join(folder, name)));
      if (name.endsWith(".cert")) {
        const key = name.replace(/cert$/, "key");
        if (!names.includes(key))
          throw invalid(`missing key ${key} for client certificate ${name} in ${folder}`);
        found.certificate ??= read(join(folder, name));
        found.key ??= read(join(folder, key));
      }
      if (name.endsWith(".key") && !names.includes(name.replace(/key$/, "cert")))
        throw invalid(
          `missing client certificate ${name.replace(/key$/, "cert")} for key ${name} in ${folder}`,
        );
    }
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw internal(`cannot read the certificate ${path}: ${messageOf(error)}`, error);
  }
}
