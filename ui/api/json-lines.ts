/** Takes a stream of JSON lines apart, in whatever pieces it comes. A line that is no JSON is left out. */
export function createJsonLines<T>(onValue: (value: T) => void): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() === "") continue;
      try {
        onValue(JSON.parse(line));
      } catch {
        // Cut off.
      }
    }
  };
}

/** Reads an answer of JSON lines to its end. */
export async function readJsonLines<T>(response: Response, onValue: (value: T) => void): Promise<void> {
  const push = createJsonLines(onValue);
  for await (const bytes of response.body ?? []) push(bytes);
  push(new Uint8Array([10]));
}
