/** Indents JSON without reading its numbers and strings: what the daemon wrote stays as it is. Empty lists stay `[]`. */
export function indentJson(text: string, indent: string): string {
  let output = "";
  let depth = 0;
  const line = () => `\n${indent.repeat(depth)}`;
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  let previous = "";
  for (const [token] of tokens) {
    const isOpening = token === "{" || token === "[";
    const isClosing = token === "}" || token === "]";
    if (isClosing) depth--;
    const followsOpening = previous === "{" || previous === "[";
    if (isClosing ? !followsOpening : followsOpening) output += line();
    output += token;
    if (isOpening) depth++;
    if (token === ",") output += line();
    if (token === ":") output += " ";
    previous = token;
  }
  return output;
}
