import type { Random } from "../random.ts";

/** What people and programs write on a command line by mistake, or with intent. */
export const oddWords: readonly string[] = [
  "",
  " ",
  "-",
  "--",
  "---",
  "=",
  "-=",
  "--=",
  "--=x",
  "a=b",
  "a=",
  "=b",
  "0",
  "-1",
  "1e9",
  "99999999999999999999",
  "0x10",
  "1.5g",
  "true",
  "a:b:c:d",
  "::",
  "[::1]:80:80",
  "/",
  "/../..",
  "~",
  "$HOME",
  "*",
  "a\nb",
  "a\tb",
  "\u0001",
  "\u202e",
  "ä",
  "😀",
  "\ud800",
  "%s%n",
  "{{.}}",
  "__proto__",
  "constructor",
  "toString",
  "busybox",
  "x".repeat(5000),
  '"',
  "'",
  "type=bind,src=/a,dst=/b",
  "type=volume,dst=",
  "size=1,,",
  '"a,b"=c',
];

/** A word with a character changed, left out or put in. */
export function spoil(random: Random, word: string): string {
  const at = random.between(0, word.length);
  const odd = random.pick(["", "=", "-", ":", ",", "\0", "{", "}", '"', "é", "0", " "]);
  return word.slice(0, at) + odd + word.slice(at + random.between(0, 2));
}
