import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";

/** A file system whose server never answers, as one of NFS can be. */
export interface HungFileSystem {
  /** Ends the server: what waits for it fails, and what was below the mount is there again. */
  [Symbol.dispose](): void;
}

/** Mounts it at a directory: FUSE, of which nobody reads the requests. */
export function mountHung(directory: string): HungFileSystem {
  const server = openSync("/dev/fuse", "r+");
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
  execFileSync("mount", ["-i", "-t", "fuse", "hung", directory, "-o", options], {
    stdio: ["ignore", "ignore", "inherit", server],
  });
  return {
    [Symbol.dispose]() {
      closeSync(server);
      spawnSync("umount", ["-l", directory]);
    },
  };
}
