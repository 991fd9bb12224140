import { useState } from "preact/hooks";
import type { ContainerDirectory, ContainerFile } from "../../src/formats/docker-api/docker-api-layers.ts";
import { useWords, words } from "../languages/language.ts";
import type { Resource } from "../live/resource.ts";
import { chooseFiles, saveBlob } from "../parts/download.ts";
import { Icon } from "../parts/icon.tsx";
import { Loaded } from "../parts/loading.tsx";
import { attempt, tell } from "../parts/notices.tsx";
import { Table } from "../parts/table.tsx";
import { setQuery } from "../router.ts";
import { fileColumns } from "./columns.tsx";
import { FileDialog, type ShownFile } from "./file-dialog.tsx";
import { readText } from "./text.ts";

/** Where the files are. Paths begin with a slash. */
export interface FileSource {
  /** @throws Failure */
  isDirectory(path: string): Promise<boolean>;
  /** A file's bytes. @throws Failure */
  read(path: string): Promise<ReadableStream<Uint8Array>>;
  /** Has the browser fetch what is there, a directory with all that is in it; left out where it cannot. */
  saveAll?(path: string): Promise<void>;
  /** Left out where nothing may be changed. @throws Failure */
  upload?(path: string, files: readonly File[]): Promise<void>;
}

const join = (folder: string, name: string) => `${folder.replace(/\/$/, "")}/${name}`;
const parentOf = (path: string) => path.replace(/\/[^/]*\/?$/, "") || "/";
const baseName = (path: string) => path.split("/").at(-1) || "file";

/** A directory, whose path is the address's: to walk through, to look at, to download from and upload to. */
export function FileBrowser({ of, source }: { of: Resource<ContainerDirectory>; source: FileSource }) {
  const t = useWords();
  const [shown, setShown] = useState<ShownFile>();

  async function open(folder: string, { Name, Kind }: ContainerFile): Promise<void> {
    const target = join(folder, Name);
    if (Kind === "directory" || (Kind === "link" && (await source.isDirectory(target))))
      setQuery({ path: target });
    else if (Kind !== "file" && Kind !== "link") tell(Name, t.noFile);
    else await attempt(t.files, async () => setShown(await readText(target, await source.read(target))));
  }

  return (
    <div class="files-tab">
      <Loaded of={of}>
        {(directory) => (
          <>
            <Toolbar directory={directory} source={source} onUploaded={of.reload} />
            <Table<ContainerFile>
              label={t.folderOf(directory.Path)}
              rows={directory.Entries}
              columns={fileColumns(t, (file) => void open(directory.Path, file))}
              keyOf={({ Name }) => Name}
              nameOf={({ Name }) => Name}
              initialSort={{ column: "name", isDown: false }}
              onOpen={(file) => void open(directory.Path, file)}
              empty={t.emptyFolder}
            />
          </>
        )}
      </Loaded>
      {shown && (
        <FileDialog
          file={shown}
          onDownload={() => void save(source, shown.path)}
          onClose={() => setShown(undefined)}
        />
      )}
    </div>
  );
}

interface ToolbarProps {
  directory: ContainerDirectory;
  source: FileSource;
  onUploaded(): void;
}

function Toolbar({ directory: { Path, More }, source, onUploaded }: ToolbarProps) {
  const t = useWords();
  return (
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
      {source.saveAll && (
        <button type="button" onClick={() => void source.saveAll?.(Path)}>
          <Icon name="download" /> {t.download}
        </button>
      )}
      {source.upload && (
        <button type="button" onClick={() => void upload(source, Path).then(onUploaded)}>
          <Icon name="upload" /> {t.upload}
        </button>
      )}
      {More > 0 && <span class="muted">{t.andMore(More)}</span>}
    </div>
  );
}

const save = (source: FileSource, path: string) =>
  attempt(words().download, async () =>
    saveBlob(await new Response(await source.read(path)).blob(), baseName(path)),
  );

async function upload(source: FileSource, path: string): Promise<void> {
  const t = words();
  const files = await chooseFiles();
  if (files.length === 0) return;
  const isDone = await attempt(t.uploadHere, async () => source.upload?.(path, files));
  if (isDone) tell(t.upload, t.uploaded(files.length));
}
