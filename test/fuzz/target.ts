import type { Random } from "../random.ts";

/** Something that takes input from strangers. Whatever it is given, it does its work or throws an EngineError. */
export interface Target {
  /** As `--target` names it. */
  name: string;
  /** How many inputs are tried in `npm test`: a second's worth. */
  smallCount: number;
  /** The longest that one input may take. */
  mostMilliseconds: number;
  open(): Promise<Session> | Session;
}

export interface Session {
  /**
   * Makes one input and tries it.
   * @throws an EngineError when it was refused, which is fine; anything else has fallen
   */
  attempt(random: Random): Promise<void> | void;
  /** What was made for it goes. @throws when something is not as it was before */
  close?(): Promise<void> | void;
}
