export interface Series {
  label: string;
  /** As many as there are times; null for a gap. */
  values: (number | null)[];
}
