import { useWords } from "../../languages/language.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { download } from "../../parts/download.ts";
import { Icon } from "../../parts/icon.tsx";
import { fileTarget, type ShownFile } from "./layer-view.ts";

interface FileDialogProps {
  id: string;
  layer: number;
  file: ShownFile;
  onClose(): void;
}

/** A file's text. */
export function FileDialog({ id, layer, file, onClose }: FileDialogProps) {
  const t = useWords();
  const { path, text, isWhole } = file;
  return (
    <Dialog title={`/${path}`} onClose={onClose} isWide>
      {text === undefined ? <p>{t.noText}</p> : <pre class="file-text">{text}</pre>}
      {text !== undefined && !isWhole && <p class="muted">{t.notWhole}</p>}
      <footer>
        <button
          type="button"
          onClick={() => void download(fileTarget(id, layer, path), path.split("/").at(-1) ?? "file")}
        >
          <Icon name="download" /> {t.download}
        </button>
      </footer>
    </Dialog>
  );
}
