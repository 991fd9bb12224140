const texts: Record<string, string> = {
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
};

/** A failed system call as docker tells it: "open /x: no such file or directory". Other errors keep their words. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = "", syscall, path, message } = error as NodeJS.ErrnoException;
  const text = texts[code];
  return text && syscall && path ? `${syscall} ${path}: ${text}` : message;
}
