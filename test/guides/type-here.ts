import { join } from "node:path";
import { makeBaseImages, makeServerImages, readTypedLines, typeAll, typeSetUp } from "./typed-lines.ts";

/** Types a part of the guides' lines on the machine that it runs on, below a folder. Tells what went wrong, as JSON. */
const [folder = "", part = ""] = process.argv.slice(2);
typeSetUp(makeBaseImages + makeServerImages, folder);
const wrong = await typeAll(readTypedLines(part), join(folder, "typed"));
process.stdout.write(JSON.stringify(wrong));
