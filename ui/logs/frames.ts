export type OutputName = "stdout" | "stderr";

const headerBytes = 8;
const largestFrame = 16 << 20;

/**
 * Takes apart what comes of a container without a terminal: frames of a stream's number, three zeros, a length, and the payload
 * (Docker's stdcopy).
 */
export function createFrameReader(onData: (stream: OutputName, bytes: Uint8Array) => void) {
  let rest = new Uint8Array(0);
  return (bytes: Uint8Array): void => {
    let data = rest.length === 0 ? bytes : concat(rest, bytes);
    while (data.length >= headerBytes) {
      const length = new DataView(data.buffer, data.byteOffset).getUint32(4);
      const end = headerBytes + Math.min(length, largestFrame);
      if (data.length < end) break;
      onData(data[0] === 2 ? "stderr" : "stdout", data.subarray(headerBytes, end));
      data = data.subarray(end);
    }
    rest = new Uint8Array(data);
  };
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
