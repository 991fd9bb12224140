import { writeFileSync } from "node:fs";
import { formatPage } from "../test/sweep/page.ts";

/** Writes docs/differences.md from what the sweep knows. */
writeFileSync("docs/differences.md", formatPage());
