import { call } from "../api/call.ts";
import { words } from "../languages/language.ts";
import { attempt } from "./notices.tsx";

/** Has the browser fetch what a GET of the engine answers, however large, as a file. */
export async function download(target: string, fileName: string): Promise<void> {
  await attempt(words().download, async () => {
    const { url } = await call<{ url: string }>("POST", "/ui/download", { body: { target, fileName } });
    follow(url, fileName);
  });
}

/** Gives the user a file that the page has. */
export function saveBlob(content: Blob, fileName: string): void {
  // Of bytes without a type a browser guesses one, and adds its ending to the name.
  const url = URL.createObjectURL(content.slice(0, content.size, content.type || "application/octet-stream"));
  follow(url, fileName);
  // The browser reads it after this.
  setTimeout(() => URL.revokeObjectURL(url), revokeMilliseconds);
}

const revokeMilliseconds = 60_000;

function follow(url: string, fileName: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
}

/** Asks for files. Resolves with none when the choice is cancelled. */
export function chooseFiles(options: { isFolder?: boolean; accept?: string } = {}): Promise<File[]> {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.accept = options.accept ?? "";
    input.webkitdirectory = options.isFolder ?? false;
    input.onchange = () => resolve([...(input.files ?? [])]);
    input.oncancel = () => resolve([]);
    input.click();
  });
}
