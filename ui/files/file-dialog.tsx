import { useWords } from "../languages/language.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";

/** What is shown of a file. */
export interface ShownFile {
  path: string;
  /** Undefined for what is no text. */
  text: string | undefined;
  isWhole: boolean;
}

interface FileDialogProps {
  file: ShownFile;
  onDownload(): void;
  onClose(): void;
}

/** A file's text. */
export function FileDialog({ file: { path, text, isWhole }, onDownload, onClose }: FileDialogProps) {
  const t = useWords();
  return (
    <Dialog title={path} onClose={onClose} isWide>
      {text === undefined ? <p>{t.noText}</p> : <pre class="file-text">{text}</pre>}
      {text !== undefined && !isWhole && <p class="muted">{t.notWhole}</p>}
      <footer>
        <button type="button" onClick={onDownload}>
          <Icon name="download" /> {t.download}
        </button>
      </footer>
    </Dialog>
  );
}
