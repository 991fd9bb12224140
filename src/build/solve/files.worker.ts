import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { bytesOfText } from "../../formats/tar/tar-entry.ts";
import { type CheckWanted, serveJobs } from "../../sys/jobs.ts";
import { detach, MS, mount, mountLayers, mountOverlay } from "../../sys/mount.ts";
import { CLONE, unshare } from "../../sys/namespaces.ts";
import { packTree } from "../../trees/pack.ts";
import { openInlineTree } from "../context/inline-tree.ts";
import { createLastList } from "../context/last-list.ts";
import { openTreeAt } from "../context/mounted-tree.ts";
import { type SourceTree, watchTree } from "../context/source-tree.ts";
import { openStoredTree } from "../context/stored-tree.ts";
import { type FileStatement, writeStatement } from "../export/statement-file.ts";
import { checksumSources } from "./checksum.ts";
import type { CopyAction, FileOwner, SourceRef, StepTarget } from "./copy-action.ts";
import { copyFiles, rootOwner } from "./copy-files.ts";
import type { Selection } from "./select-sources.ts";
import { openTargetRoot, stripSlashes } from "./target-root.ts";

/** Work on root file systems, which are mounted in this thread's own mount namespace and nowhere else. */
export type FilesJob =
  | {
      kind: "checksum";
      mountpoint: string;
      source: SourceRef;
      /** Each with a checksum of its own. */
      selections: Selection[][];
      exclude: readonly string[];
    }
  | {
      kind: "copy";
      mountpoints: { target: string; source: string };
      target: StepTarget;
      actions: CopyAction[];
    }
  | { kind: "fill"; mountpoint: string; layers: string[]; source: string; target: string }
  /** Copies a part of a directory into another, as root's. */
  | { kind: "gather"; source: string; part: string; target: string; exclude: string[] }
  | {
      kind: "pack";
      mountpoint: string;
      layers: string[];
      archive: string;
      below: string;
      mtimeSeconds?: number;
    }
  /** Writes what is said of the files. */
  | ({ kind: "state"; mountpoint: string; layers: string[]; target: string } & FileStatement)
  /** Of a layer's directory with what it deletes; no times. */
  | { kind: "digest"; layer: string }
  | { kind: "makeDirectory"; mountpoint: string; target: StepTarget; path: string; owner: FileOwner };

/** Checksums in hexadecimal with line feeds between them, or nothing. */
export type FilesResult = string;

const lastList = createLastList();

let isPrivate = false;

serveJobs<FilesJob, FilesResult>(async (job, _signal, checkWanted) => {
  // For the life of the thread: what is mounted ends with it, however that is.
  if (!isPrivate) unshare(CLONE.NEWNS | CLONE.FS);
  if (!isPrivate) mount("none", "/", "none", MS.SLAVE | MS.REC, null);
  isPrivate = true;
  switch (job.kind) {
    case "checksum":
      return withSource(job.source, job.mountpoint, checkWanted, (tree) =>
        job.selections.map((selections) => checksumSources(tree, selections, job.exclude)).join("\n"),
      );
    case "copy":
      await withRoot(job.target, job.mountpoints.target, async (rootFd) => {
        for (const [source, actions] of groupBySource(job.actions))
          await withSource(source, job.mountpoints.source, checkWanted, async (tree) => {
            for (const action of actions) await copyFiles(rootFd, tree, action, checkWanted);
          });
      });
      return "";
    case "fill":
      await withSource({ kind: "layers", lower: job.layers }, job.mountpoint, checkWanted, (tree) =>
        withDirectory(job.target, (rootFd) =>
          copyFiles(rootFd, tree, {
            source: { kind: "layers", lower: job.layers },
            selections: [{ pattern: job.source, hasWildcards: false }],
            destination: "/",
            exclude: [],
            parents: false,
            unpack: "never",
          }),
        ),
      );
      return "";
    case "gather":
      await gather(job, checkWanted);
      return "";
    case "pack":
      await withMounted(
        job.mountpoint,
        () => mountLayers(job.layers, job.mountpoint),
        (rootFd) => writeArchive(rootFd, job, checkWanted),
      );
      return "";
    case "state":
      await withSource({ kind: "layers", lower: job.layers }, job.mountpoint, checkWanted, (tree) =>
        writeStatement(tree, job, job.target),
      );
      return "";
    case "digest":
      return withDirectory(job.layer, async (rootFd) => digestLayer(rootFd, checkWanted));
    case "makeDirectory":
      await withRoot(job.target, job.mountpoint, (rootFd) => {
        const root = openTargetRoot(rootFd);
        root.ensureDirectory(root.resolve(stripSlashes(bytesOfText(job.path))), job.owner);
      });
      return "";
  }
});

/** Those behind each other, in their order: what is shared where a job comes from is shared here. */
function groupBySource(actions: readonly CopyAction[]): [SourceRef, CopyAction[]][] {
  const groups: [SourceRef, CopyAction[]][] = [];
  for (const action of actions) {
    const last = groups.at(-1);
    if (last?.[0] === action.source) last[1].push(action);
    else groups.push([action.source, [action]]);
  }
  return groups;
}

async function gather(
  { source, part, target, exclude }: Extract<FilesJob, { kind: "gather" }>,
  checkWanted: CheckWanted,
): Promise<void> {
  const folder = { kind: "folder" as const, path: source };
  const selections = [{ pattern: part, hasWildcards: false }];
  await withSource(folder, "", checkWanted, (tree) =>
    withDirectory(target, (rootFd) =>
      copyFiles(rootFd, tree, {
        ...{ source: folder, selections, destination: "/", owner: rootOwner, exclude },
        ...{ parents: false, unpack: "never" as const },
      }),
    ),
  );
}

/** Runs `use` with the root of what `mount` mounts there. */
async function withMounted<R>(
  mountpoint: string,
  mount: () => void,
  use: (rootFd: number) => R | Promise<R>,
): Promise<R> {
  mkdirSync(mountpoint, { recursive: true });
  mount();
  try {
    return await withDirectory(mountpoint, async (fd) => use(fd));
  } finally {
    detach(mountpoint);
  }
}

function digestLayer(rootFd: number, checkWanted: CheckWanted): string {
  const hash = createHash("sha256");
  const timeOf = () => ({ seconds: 0, nanoseconds: 0 });
  for (const piece of packTree({ rootFd, path: "", name: "", whiteouts: true, timeOf })) {
    checkWanted();
    hash.update(piece);
  }
  return hash.digest("hex");
}

function writeArchive(
  rootFd: number,
  { archive, below, mtimeSeconds }: Extract<FilesJob, { kind: "pack" }>,
  checkWanted: CheckWanted,
): void {
  const fd = openSync(archive, "wx", 0o600);
  try {
    const write = (data: Buffer) => {
      for (let done = 0; done < data.length; ) done += writeSync(fd, data, done);
    };
    const times = mtimeSeconds !== undefined && {
      timeOf: () => ({ seconds: mtimeSeconds, nanoseconds: 0 }),
    };
    for (const piece of packTree({ rootFd, path: "", name: below, whiteouts: false, ...times })) {
      checkWanted();
      write(piece);
    }
  } finally {
    closeSync(fd);
  }
}

async function withDirectory<R>(path: string, use: (fd: number) => Promise<R>): Promise<R> {
  const fd = openSync(path, "r");
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

function withRoot<R>(
  target: StepTarget,
  mountpoint: string,
  use: (rootFd: number) => R | Promise<R>,
): Promise<R> {
  // An overlay would mark what is new as hiding what is below.
  if (target.lower.length === 0) return withDirectory(target.upper, async (fd) => use(fd));
  return withMounted(mountpoint, () => mountOverlay(target, mountpoint), use);
}

async function withSource<R>(
  source: SourceRef,
  mountpoint: string,
  checkWanted: CheckWanted,
  use: (tree: SourceTree) => R | Promise<R>,
): Promise<R> {
  const isMounted = source.kind === "layers";
  if (isMounted) mkdirSync(mountpoint, { recursive: true });
  if (isMounted) mountLayers(source.lower, mountpoint);
  try {
    const tree = watchTree(openSource(source, mountpoint), checkWanted);
    try {
      return await use(tree);
    } finally {
      tree.close();
    }
  } finally {
    if (isMounted) detach(mountpoint);
  }
}

function openSource(source: SourceRef, mountpoint: string): SourceTree {
  if (source.kind === "stored") return openStoredTree(source.path, lastList.read(source.path));
  if (source.kind === "folder") return openTreeAt(source.path);
  return source.kind === "inline" ? openInlineTree(source.files) : openTreeAt(mountpoint);
}
