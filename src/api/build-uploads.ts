import { archivePatience } from "../build/frontend/context-archive.ts";
import { conflict, unavailable } from "../errors.ts";
import type { ApiRequest, Reply } from "./request.ts";

/*
 * Docker 20.10 gives a context on its standard input by a request of its own, beside the one that asks for the build. Either may come
 * first.
 */

const prefix = "upload-request:";
const patienceMilliseconds = 5000;
const mostWaiting = 100;

interface Upload {
  content: PromiseWithResolvers<AsyncIterable<Buffer>>;
  isGiven: boolean;
  /** The build has read all of it, or has given it up. */
  taken: PromiseWithResolvers<void>;
}

/** By the id of the build. */
const uploads = new Map<string, Upload>();

export function isUpload(request: ApiRequest): boolean {
  return request.text("buildid").startsWith(prefix);
}

/** The request that brings the content. @throws unavailable when no build wants it; conflict for a second one */
export async function giveUpload(request: ApiRequest): Promise<Reply> {
  const id = request.text("buildid").slice(prefix.length);
  const upload = open(id);
  const { content, taken } = upload;
  if (upload.isGiven) throw conflict(`upload ${JSON.stringify(id)} is there already`);
  upload.isGiven = true;
  let isRead = false;
  async function* pieces(): AsyncGenerator<Buffer> {
    isRead = true;
    try {
      for await (const piece of request.upload(archivePatience)) yield Buffer.from(piece);
    } finally {
      taken.resolve();
    }
  }
  content.resolve(pieces());
  const late = setTimeout(() => {
    if (!isRead) taken.reject(unavailable(`no build takes the upload ${JSON.stringify(id)}`));
  }, patienceMilliseconds);
  try {
    await taken.promise;
    return { status: 200 };
  } finally {
    clearTimeout(late);
    if (uploads.get(id) === upload) uploads.delete(id);
  }
}

/** What the other request brings. @throws unavailable when it does not come */
export async function takeUpload(id: string): Promise<AsyncIterable<Buffer>> {
  const upload = open(id);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(unavailable(`the upload ${JSON.stringify(id)} did not come in time`)),
    patienceMilliseconds,
  );
  try {
    return await Promise.race([upload.content.promise, late.promise]);
  } finally {
    clearTimeout(timer);
    if (uploads.get(id) === upload) uploads.delete(id);
  }
}

function open(id: string): Upload {
  const known = uploads.get(id);
  if (known) return known;
  if (uploads.size >= mostWaiting) throw conflict("too many builds wait for their contexts");
  const upload: Upload = {
    content: Promise.withResolvers(),
    taken: Promise.withResolvers(),
    isGiven: false,
  };
  upload.taken.promise.catch(() => {});
  uploads.set(id, upload);
  return upload;
}
