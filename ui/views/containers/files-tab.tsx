import { useMemo } from "preact/hooks";
import type { ContainerDirectory } from "../../../src/formats/docker-api/docker-api-layers.ts";
import { at, call, send } from "../../api/call.ts";
import { FileBrowser, type FileSource } from "../../files/browser.tsx";
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
    isDirectory: (path) =>
      call("GET", `/berth/containers/${at(id)}/files`, { query: { path } }).then(
        () => true,
        () => false,
      ),
    async read(path) {
      const { body } = await send("GET", archive, { query: { path } });
      return firstFile(body ?? new Blob().stream());
    },
    saveAll: (path) =>
      download(`${archive}?path=${encodeURIComponent(path)}`, `${path.split("/").at(-1) || "root"}.tar`),
    ...(!isReadOnly && {
      async upload(path, files) {
        const sent = files.map((file) => ({ path: file.name, file, modified: file.lastModified }));
        await call("PUT", archive, { query: { path }, upload: await packFiles(sent) });
      },
    }),
  };
}
