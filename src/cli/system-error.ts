const texts: Record<string, string> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota exceeded",
  EFBIG: "file too large",
  EIO: "input/output error",
  EISDIR: "is a directory",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
};

/** What Go calls the error number of a failed system call. */
export function errnoText(error: Error): string | undefined {
  const { code = "" } = error as NodeJS.ErrnoException;
  return Object.hasOwn(texts, code) ? texts[code] : undefined;
}

/** A failed system call as docker tells it: "open /x: no such file or directory". Other errors keep their words. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { syscall, path, message } = error as NodeJS.ErrnoException;
  const text = errnoText(error);
  return text && syscall && path ? `${syscall} ${path}: ${text}` : message;
}
