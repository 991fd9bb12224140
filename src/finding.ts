/** Something that is not as the records say, found by a check. */
export interface Finding {
  /** What it is about: "container 3f2a1c0b9d8e", "layer folder 12". */
  subject: string;
  problem: string;
  /** Makes records and reality one again. Absent where only a person can decide. */
  repair?(): Promise<unknown> | unknown;
}
