import { useMemo } from "preact/hooks";
import type { ContainerDirectory } from "../../../src/formats/docker-api/docker-api-layers.ts";
import type { PathStat } from "../../../src/formats/docker-api/docker-api-system.ts";
import { decodeGoFileMode } from "../../../src/formats/go-file-mode.ts";
import { at, call, send } from "../../api/call.ts";
import { Failure } from "../../api/failure.ts";
import { FileBrowser, type FileSource, type FollowedLink } from "../../files/browser.tsx";
import { firstFile, packFiles } from "../../files/tar.ts";
import { useResource } from "../../live/resource.ts";
import { download } from "../../parts/download.ts";
import { usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import type { TabProps } from "./tab.ts";

/** The container's files: to look at, download and upload. */
export function FilesTab({ container: { Id } }: TabProps) {
  const { query } = usePlace();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const path = query.path ?? "/";
  const directory = useResource<ContainerDirectory>(`/berth/containers/${at(Id)}/files`, [], { path });
  const source = useMemo(() => sourceOf(Id, isReadOnly), [Id, isReadOnly]);
  return <FileBrowser of={directory} source={source} />;
}

function sourceOf(id: string, isReadOnly: boolean): FileSource {
  const archive = `/containers/${at(id)}/archive`;
  return {
    async follow(path) {
      // An archive of a link has the link itself. The engine says where it ends.
      const link = await statPath(archive, path);
      const target = link.linkTarget || path;
      const found = await statPath(archive, target).catch((error: unknown) => {
        if (error instanceof Failure && error.status === 404) return undefined;
        throw error;
      });
      return { path: target, kind: found ? kindOf(found.mode) : "other" };
    },
    async read(path) {
      const stop = new AbortController();
      const { body } = await send("GET", archive, { query: { path }, signal: stop.signal });
      return firstFile(body ?? new Blob().stream(), () => stop.abort());
    },
    saveAll: (path) =>
      download(`${archive}?path=${encodeURIComponent(path)}`, `${path.split("/").at(-1) || "root"}.tar`),
    ...(!isReadOnly && {
      async upload(path, files) {
        const sent = files.map((file) => ({ path: file.name, file, modified: file.lastModified }));
        // A folder goes with all that is in it when a file takes its place.
        const query = { path, noOverwriteDirNonDir: true };
        await call("PUT", archive, { query, upload: await packFiles(sent) });
      },
    }),
  };
}

async function statPath(archive: string, path: string): Promise<PathStat> {
  const { headers } = await send("HEAD", archive, { query: { path } });
  const bytes = Uint8Array.from(atob(headers.get("X-Docker-Container-Path-Stat") ?? ""), (one) =>
    one.charCodeAt(0),
  );
  return JSON.parse(new TextDecoder().decode(bytes));
}

function kindOf(mode: number): FollowedLink["kind"] {
  const { type } = decodeGoFileMode(mode);
  return type === "directory" || type === "file" ? type : "other";
}
