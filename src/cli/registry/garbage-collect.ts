import { formatSize, parseDuration } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { openStorage, storageFlags } from "./storage-flags.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  description: "The registry may go on meanwhile, on this machine or others.",
  arity: [0, 0],
  flags: {
    ...storageFlags,
    "dry-run": bool("", "Only print what would be removed"),
    "delete-untagged": bool("m", "Remove manifests as well that no tag leads to"),
    grace: string("", "Leave what a client has touched within this time", "1h", "duration"),
    "upload-age": string("", "Remove uploads without activity for this long", "168h", "duration"),
  },
  async run({ cli, flags }) {
    const { collectRegistryGarbage } = await import("../../registry/collect.ts");
    const { manifests, blobs, uploads, sizeBytes } = await collectRegistryGarbage(
      await openStorage(flags, cli.env),
      {
        isDryRun: flags["dry-run"],
        withUntagged: flags["delete-untagged"],
        graceMilliseconds: parseDuration(flags.grace) / 1e6,
        uploadMilliseconds: parseDuration(flags["upload-age"]) / 1e6,
        report: (line) => cli.print(line),
      },
    );
    const verb = flags["dry-run"] ? "Would remove" : "Removed";
    cli.print(`${verb} ${manifests} manifests, ${blobs} blobs, ${uploads} uploads: ${formatSize(sizeBytes)}`);
    return 0;
  },
});
