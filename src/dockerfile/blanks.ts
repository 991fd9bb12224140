/*
 * White space as BuildKit sees it: Unicode's for trimming and for words, a shorter list for the places where arguments are split.
 */

/** Go's unicode.IsSpace, of a UTF-16 code unit: all white space has one. */
export function isSpace(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x2000) return code === 0x85 || code === 0xa0 || code === 0x1680;
  if (code <= 0x200a) return true;
  return code === 0x2028 || code === 0x2029 || code === 0x202f || code === 0x205f || code === 0x3000;
}

export function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && isSpace(text.charCodeAt(start))) start++;
  return text.slice(start);
}

export function trim(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  return trimStart(text.slice(0, end));
}

const separators = new Set(["\t", "\v", "\f", "\r", " "]);

/** At the first run of separators: the rest is undefined when there is none. */
export function splitOnce(text: string): [first: string, rest: string | undefined] {
  let end = 0;
  while (end < text.length && !separators.has(text[end]!)) end++;
  if (end === text.length) return [text, undefined];
  let next = end;
  while (next < text.length && separators.has(text[next]!)) next++;
  return [text.slice(0, end), text.slice(next)];
}

export function splitAll(text: string): string[] {
  const words: string[] = [];
  let rest: string | undefined = text;
  while (rest !== undefined) {
    const [first, next] = splitOnce(rest);
    words.push(first);
    rest = next;
  }
  return words;
}
