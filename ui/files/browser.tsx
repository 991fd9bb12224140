import { useState } from "preact/hooks";
import type { ContainerDirectory, ContainerFile } from "../../src/formats/docker-api/docker-api-layers.ts";
import { useWords, words } from "../languages/language.ts";
import { useLatest } from "../live/latest.ts";
import type { Resource } from "../live/resource.ts";
import { confirm } from "../parts/dialog.tsx";
import { chooseFiles, saveBlob } from "../parts/download.ts";
import { Icon } from "../parts/icon.tsx";
import { Loaded } from "../parts/loading.tsx";
import { attempt, tell } from "../parts/notices.tsx";
import { Table } from "../parts/table.tsx";
import { goWithQuery } from "../router.ts";
import { fileColumns } from "./columns.tsx";
import { FileDialog, type ShownFile } from "./file-dialog.tsx";
import { readText } from "./text.ts";

/** Where the files are. Paths begin with a slash. */
export interface FileSource {
  /** What a link leads to, all links followed: "other" for what is not there, either. @throws Failure */
  follow(path: string): Promise<FollowedLink>;
  /** The bytes of a file that is no link. To cancel them ends the request. @throws Failure */
  read(path: string): Promise<ReadableStream<Uint8Array>>;
  /** Has the browser fetch a file; left out where its bytes come in an archive. */
  save?(path: string, fileName: string): Promise<void>;
  /** Has the browser fetch what is there, a directory with all that is in it; left out where it cannot. */
  saveAll?(path: string): Promise<void>;
  /** Left out where nothing may be changed. @throws Failure */
  upload?(path: string, files: readonly File[]): Promise<void>;
}

export interface FollowedLink {
  path: string;
  kind: "directory" | "file" | "other";
}

const join = (folder: string, name: string) => `${folder.replace(/\/$/, "")}/${name}`;
const parentOf = (path: string) => path.replace(/\/[^/]*\/?$/, "") || "/";
const baseName = (path: string) => path.split("/").at(-1) || "file";

/** A directory, whose path is the address's: to walk through, to look at, to download from and upload to. */
export function FileBrowser({ of, source }: { of: Resource<ContainerDirectory>; source: FileSource }) {
  const t = useWords();
  const [shown, setShown] = useState<{ file: ShownFile; source: FileSource; target: string }>();
  const begin = useLatest([source, of.value?.Path]);

  async function open(folder: string, { Name, Kind }: ContainerFile): Promise<void> {
    const isWanted = begin();
    const asked = join(folder, Name);
    const { path: target, kind } = Kind === "link" ? await source.follow(asked) : { path: asked, kind: Kind };
    if (!isWanted()) return;
    if (kind === "directory") return goWithQuery({ path: asked });
    if (kind !== "file") return tell(Name, t.noFile);
    const file = await readText(asked, await source.read(target));
    if (isWanted()) setShown({ file, source, target });
  }
  const openOf = (folder: string) => (file: ContainerFile) => void attempt(t.files, () => open(folder, file));

  return (
    <div class="files-tab">
      <Loaded of={of}>
        {(directory) => (
          <>
            <Toolbar directory={directory} source={source} onUploaded={of.reload} />
            <Table<ContainerFile>
              label={t.folderOf(directory.Path)}
              rows={directory.Entries}
              columns={fileColumns(t, openOf(directory.Path))}
              keyOf={({ Name }) => Name}
              nameOf={({ Name }) => Name}
              initialSort={{ column: "name", isDown: false }}
              onOpen={openOf(directory.Path)}
              empty={t.emptyFolder}
            />
          </>
        )}
      </Loaded>
      {shown && (
        <FileDialog
          file={shown.file}
          onDownload={() => void save(shown.source, shown.target, baseName(shown.file.path))}
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

function Toolbar({ directory, source, onUploaded }: ToolbarProps) {
  const t = useWords();
  const { Path, More } = directory;
  return (
    <div class="toolbar">
      <button
        type="button"
        class="icon-button"
        aria-label={t.parentFolder}
        disabled={Path === "/"}
        onClick={() => goWithQuery({ path: parentOf(Path) })}
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
        <button type="button" onClick={() => void upload(source, directory).then(onUploaded)}>
          <Icon name="upload" /> {t.upload}
        </button>
      )}
      {More > 0 && <span class="muted">{t.andMore(More)}</span>}
    </div>
  );
}

const save = (source: FileSource, path: string, fileName: string) =>
  source.save?.(path, fileName) ??
  attempt(words().download, async () =>
    saveBlob(await new Response(await source.read(path)).blob(), fileName),
  );

async function upload(source: FileSource, { Path, Entries }: ContainerDirectory): Promise<void> {
  const t = words();
  const files = await chooseFiles();
  if (files.length === 0) return;
  // The engine refuses a file in a folder's place.
  const there = new Set(Entries.filter(({ Kind }) => Kind !== "directory").map(({ Name }) => Name));
  const names = files.map(({ name }) => name).filter((name) => there.has(name));
  const question = { title: t.replaceFiles(names.length), loss: t.replaceFilesLoss, action: t.replaceNow };
  if (names.length > 0 && !(await confirm({ ...question, names }))) return;
  const isDone = await attempt(t.uploadHere, async () => source.upload?.(Path, files));
  if (isDone) tell(t.upload, t.uploaded(files.length));
}
