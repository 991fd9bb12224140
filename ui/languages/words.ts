import type { en } from "./en.ts";

/** All that the page says, in one language. A key that another lacks is a type error there. */
export type Words = typeof en;
