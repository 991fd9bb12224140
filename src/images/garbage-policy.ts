/** When the engine removes images by itself. */
export interface GarbagePolicy {
  /** Only when the data root's file system is that full; absent: whenever one has been unused for long enough. */
  highWaterPercent?: number;
  /** Then until it is at most that full. */
  lowWaterPercent: number;
  /** This many images always stay, those used last. */
  keepLast: number;
  /** None goes that was used, tagged or pulled since. */
  unusedForSeconds: number;
}
