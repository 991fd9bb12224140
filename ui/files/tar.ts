import { createTarDecoder, createTarPacker } from "modern-tar";

/** A file that is to be sent, by its path in the archive. */
export interface SentFile {
  path: string;
  file: Blob;
  modified?: number;
}

/** An archive of these, as the engine takes it. @param mode permission bits of all */
export async function packFiles(files: readonly SentFile[], mode = 0o644): Promise<Blob> {
  const { readable, controller } = createTarPacker();
  const archive = new Response(readable).blob();
  for (const { path, file, modified } of files) {
    const entry = controller.add({
      ...{ name: path, size: file.size, type: "file", mode },
      mtime: new Date(modified ?? Date.now()),
    });
    await file.stream().pipeTo(entry);
  }
  controller.finalize();
  return archive;
}

/**
 * The bytes of the first file in an archive.
 * @param stop ends where the archive comes from: what follows a file that was read or cancelled is read by none
 * @throws Error when there is none
 */
export async function firstFile(
  archive: ReadableStream<Uint8Array>,
  stop: () => void,
): Promise<ReadableStream<Uint8Array>> {
  const reader = archive.pipeThrough(createTarDecoder()).getReader();
  for (let entry = await reader.read(); !entry.done; entry = await reader.read()) {
    if (entry.value.header.type === "file") return stopAfter(entry.value.body, stop);
    await entry.value.body.cancel();
  }
  throw new Error("The archive has no file.");
}

function stopAfter(content: ReadableStream<Uint8Array>, stop: () => void): ReadableStream<Uint8Array> {
  const reader = content.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
        stop();
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}
