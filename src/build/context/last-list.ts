import { readStoredList, type StoredList } from "./stored-tree.ts";

/** A larger one takes too much room, in each thread. */
const mostEntries = 100_000;
const keptMilliseconds = 10_000;

/** The list of a stored tree that was read last, for a while: the steps of a build ask for the same one, one after the other. */
export function createLastList(): { read(path: string): StoredList } {
  let last: { path: string; list: StoredList } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const forget = () => {
    last = undefined;
  };
  return {
    read(path) {
      clearTimeout(timer);
      if (last?.path !== path) {
        // The room of the one is for the other.
        last = undefined;
        const list = readStoredList(path);
        if (list.entries.size > mostEntries) return list;
        last = { path, list };
      }
      timer = setTimeout(forget, keptMilliseconds).unref();
      return last.list;
    },
  };
}
