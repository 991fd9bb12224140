import { useState } from "preact/hooks";
import type { ContainerDirectory, ContainerFile } from "../../../src/formats/docker-api/docker-api-layers.ts";
import { at, call, send } from "../../api/call.ts";
import { FileDialog, type ShownFile } from "../../files/file-dialog.tsx";
import { firstFile, packFiles } from "../../files/tar.ts";
import { readText } from "../../files/text.ts";
import { useWords, words } from "../../languages/language.ts";
import { useResource } from "../../live/resource.ts";
import { chooseFiles, download, saveBlob } from "../../parts/download.ts";
import { Icon } from "../../parts/icon.tsx";
import { Loaded } from "../../parts/loading.tsx";
import { attempt, tell } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import { setQuery, usePlace } from "../../router.ts";
import { session } from "../../session.ts";
import { useStore } from "../../store.ts";
import { fileColumns } from "./file-columns.tsx";
import type { TabProps } from "./tab.ts";

/** A larger file is downloaded within an archive. */
const mostBytes = 64 << 20;

const join = (folder: string, name: string) => `${folder.replace(/\/$/, "")}/${name}`;
const parentOf = (path: string) => path.replace(/\/[^/]*\/?$/, "") || "/";

/** The container's files: to look at, download and upload. */
export function FilesTab({ container: { Id } }: TabProps) {
  const t = useWords();
  const { query } = usePlace();
  const isReadOnly = useStore(session)?.isReadOnly ?? true;
  const [shown, setShown] = useState<ShownFile>();
  const path = query.path ?? "/";
  const directory = useResource<ContainerDirectory>(`/berth/containers/${at(Id)}/files`, [], { path });

  async function open(folder: string, { Name, Kind, Size }: ContainerFile): Promise<void> {
    const target = join(folder, Name);
    if (Kind === "directory" || (Kind === "link" && (await isDirectory(Id, target))))
      setQuery({ path: target });
    else if (Kind !== "file" && Kind !== "link") tell(Name, t.noFile);
    else if (Size > mostBytes) await saveArchive(Id, target);
    else
      await attempt(t.files, async () => setShown(await readText(target, (await read(Id, target)).stream())));
  }

  return (
    <div class="files-tab">
      <Loaded of={directory}>
        {({ Path, Entries, More }) => (
          <>
            <div class="toolbar">
              <button
                type="button"
                class="icon-button"
                aria-label={t.parentFolder}
                disabled={Path === "/"}
                onClick={() => setQuery({ path: parentOf(Path) })}
              >
                <Icon name="up" />
              </button>
              <code>{Path}</code>
              <button type="button" onClick={() => void saveArchive(Id, Path)}>
                <Icon name="download" /> {t.download}
              </button>
              {!isReadOnly && (
                <button type="button" onClick={() => void upload(Id, Path).then(directory.reload)}>
                  <Icon name="upload" /> {t.upload}
                </button>
              )}
              {More > 0 && <span class="muted">{t.andMore(More)}</span>}
            </div>
            <Table<ContainerFile>
              label={t.folderOf(Path)}
              rows={Entries}
              columns={fileColumns(t, (file) => void open(Path, file))}
              keyOf={({ Name }) => Name}
              nameOf={({ Name }) => Name}
              initialSort={{ column: "name", isDown: false }}
              onOpen={(file) => void open(Path, file)}
              empty={t.emptyFolder}
            />
          </>
        )}
      </Loaded>
      {shown && (
        <FileDialog
          file={shown}
          onDownload={() => void save(Id, shown.path)}
          onClose={() => setShown(undefined)}
        />
      )}
    </div>
  );
}

/** Where a link leads. */
const isDirectory = (id: string, path: string) =>
  call("GET", `/berth/containers/${at(id)}/files`, { query: { path } }).then(
    () => true,
    () => false,
  );

/** @throws Failure */
async function read(id: string, path: string): Promise<Blob> {
  const { body } = await send("GET", `/containers/${at(id)}/archive`, { query: { path } });
  return firstFile(body ?? new Blob().stream());
}

const save = (id: string, path: string) =>
  attempt(words().download, async () => saveBlob(await read(id, path), path.split("/").at(-1) ?? "file"));

const saveArchive = (id: string, path: string) =>
  download(
    `/containers/${at(id)}/archive?path=${encodeURIComponent(path)}`,
    `${path.split("/").at(-1) || "root"}.tar`,
  );

async function upload(id: string, path: string): Promise<void> {
  const t = words();
  const files = await chooseFiles();
  if (files.length === 0) return;
  const isDone = await attempt(t.uploadHere, async () => {
    const sent = files.map((file) => ({ path: file.name, file, modified: file.lastModified }));
    await call("PUT", `/containers/${at(id)}/archive`, { query: { path }, upload: await packFiles(sent) });
  });
  if (isDone) tell(t.upload, t.uploaded(files.length));
}
