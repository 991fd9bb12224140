/** What of the cache is to be removed. */
export interface PruneRequest {
  filters: readonly string[];
  /** Also what is shared with images. */
  all: boolean;
  /** What was used since then stays. 0 for none. */
  keepMilliseconds: number;
  /** Bytes of what is kept that are left alone; 0 for none. */
  reservedBytes: number;
  /** Goes down to that; 0 for no bound. */
  maxUsedBytes: number;
  /** Of the file system; 0 for no bound. */
  minFreeBytes: number;
}
