// biome-ignore-all lint/suspicious/noControlCharactersInRegex: terminals are steered by them

/** A stretch of text in one look. Classes, since the page's policy allows no inline styles in markup. */
export interface Span {
  text: string;
  /** For example "a1 bold": a class of the style sheet. */
  look: string;
  /** A colour of the large palette, which has no class. */
  colour?: string;
}

interface Look {
  foreground: string;
  background: string;
  colour: string | undefined;
  marks: Set<string>;
}

const escapes =
  /\x1b\[([\d;]*)m|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f]/g;

/** The text as a reader sees it. */
export const plainText = (line: string) => line.replace(escapes, "");

const mostSpans = 2000;

/** Takes a line's colours apart (SGR); all else that steers a terminal is left out. */
export function parseAnsi(line: string): Span[] {
  const spans: Span[] = [];
  const look: Look = { foreground: "", background: "", colour: undefined, marks: new Set() };
  let at = 0;
  const add = (text: string) => {
    if (text === "") return;
    const classes = [look.foreground, look.background, ...look.marks].filter(Boolean).join(" ");
    spans.push({ text, look: classes, ...(look.colour && { colour: look.colour }) });
  };
  for (const match of line.matchAll(escapes)) {
    if (spans.length >= mostSpans) break;
    add(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[1] !== undefined) change(look, match[1].split(";").map(Number));
  }
  add(spans.length >= mostSpans ? plainText(line.slice(at)) : line.slice(at));
  return spans;
}

const marks: Record<number, string> = { 1: "bold", 2: "faint", 3: "italic", 4: "underlined", 9: "struck" };

function change(look: Look, codes: number[]): void {
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index] ?? 0;
    const mark = marks[code];
    if (mark) look.marks.add(mark);
    else if (code === 0)
      Object.assign(look, { foreground: "", background: "", colour: undefined, marks: new Set() });
    else if (code === 22) for (const one of ["bold", "faint"]) look.marks.delete(one);
    else if (code === 39) Object.assign(look, { foreground: "", colour: undefined });
    else if (code === 49) look.background = "";
    else if (code >= 30 && code <= 37)
      Object.assign(look, { foreground: `a${code - 30}`, colour: undefined });
    else if (code >= 90 && code <= 97)
      Object.assign(look, { foreground: `a${code - 82}`, colour: undefined });
    else if (code >= 40 && code <= 47) look.background = `b${code - 40}`;
    else if (code >= 100 && code <= 107) look.background = `b${code - 92}`;
    else if (code === 38 || code === 48) {
      const { colour, used } = readPalette(codes.slice(index + 1));
      if (code === 38 && colour) Object.assign(look, { foreground: "", colour });
      index += used;
    }
  }
}

/** "5;208" or "2;255;128;0", after 38 or 48. */
function readPalette([kind, ...rest]: number[]): { colour: string | undefined; used: number } {
  if (kind === 2) {
    const [red = 0, green = 0, blue = 0] = rest.map((value) => Math.min(255, Math.max(0, value || 0)));
    return { colour: `rgb(${red} ${green} ${blue})`, used: 4 };
  }
  return { colour: kind === 5 ? paletteColour(rest[0] ?? 0) : undefined, used: kind === 5 ? 2 : 1 };
}

function paletteColour(index: number): string | undefined {
  if (index < 16 || index > 255) return undefined;
  if (index >= 232) return `rgb(${[1, 1, 1].map(() => 8 + (index - 232) * 10).join(" ")})`;
  const level = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}
