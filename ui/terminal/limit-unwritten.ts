/** Below the 50 MB from which xterm throws what it is given away, with an error. */
const mostUnwrittenBytes = 32 << 20;

/** Of xterm's. */
interface Writable {
  write(data: string | Uint8Array, onWritten: () => void): void;
}

/**
 * Writes what the terminal keeps up with. What is far beyond that is dropped, and one line says so, until it has caught up by half.
 * @param notice that line
 */
export function limitUnwritten(terminal: Writable, notice: string): (bytes: Uint8Array) => void {
  let unwritten = 0;
  let isDropping = false;
  const write = (bytes: Uint8Array) => {
    unwritten += bytes.length;
    terminal.write(bytes, () => {
      unwritten -= bytes.length;
    });
  };
  return (bytes) => {
    const most = isDropping ? mostUnwrittenBytes / 2 : mostUnwrittenBytes;
    if (unwritten + bytes.length <= most) {
      isDropping = false;
      write(bytes);
    } else if (!isDropping) {
      isDropping = true;
      write(new TextEncoder().encode(`\r\n${notice}\r\n`));
    }
  };
}
