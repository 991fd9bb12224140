import { EngineError } from "../errors.ts";
import type { Heredoc } from "./instructions.ts";
import { type LineReader, type LogicalLine, trimNewline } from "./lines.ts";
import { DockerfileError, linesRange } from "./parse-error.ts";
import { expandWords } from "./words.ts";

/** What `<<NAME` says, before its content has been read. */
type Opening = Omit<Heredoc, "content" | "written">;

const withoutVariables = () => undefined;

/** The heredocs that an instruction's line names, with their contents from the lines below. */
export function readHeredocs(line: LogicalLine, lines: LineReader): Heredoc[] {
  if (!line.text.includes("<<")) return [];
  return findOpenings(line).map((opening) => {
    const parts: string[] = [];
    for (let next = lines.next(); next !== undefined; next = lines.next()) {
      const end = trimNewline(next);
      if ((opening.chomps ? trimTabs(end) : end) === opening.name) {
        const written = parts.join("");
        const content = opening.chomps ? parts.map(trimTabs).join("") : written;
        return { ...opening, content, written };
      }
      parts.push(next);
    }
    throw new DockerfileError("unterminated heredoc", linesRange(line.start, lines.number));
  });
}

function findOpenings(line: LogicalLine): Opening[] {
  let words: string[];
  try {
    words = expandWords(line.text, withoutVariables, {
      escape: "\\",
      keepsQuotes: true,
      keepsEscapes: true,
      keepsUnset: true,
    });
  } catch (error) {
    // A quote without its partner: the shell's business.
    if (error instanceof EngineError) return [];
    throw error;
  }
  try {
    return words.map(parseHeredocWord).filter((opening) => opening !== undefined);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new DockerfileError(error.message, linesRange(line.start, line.end));
  }
}

/** @returns undefined for a word that opens no heredoc. @throws EngineError invalid when the delimiter's quotes are wrong */
function parseHeredocWord(word: string): Opening | undefined {
  const match = /^(\d*)<<(-?)([^<]+)$/.exec(word);
  if (!match) return undefined;
  const delimiter = match[3]!;
  const options = { escape: "\\", keepsUnset: true } as const;
  const [name, ...others] = expandWords(delimiter, withoutVariables, options);
  if (name === undefined || others.length > 0) return undefined;
  const [quoted] = expandWords(delimiter, withoutVariables, { ...options, keepsQuotes: true });
  return {
    name,
    expands: countQuotes(name) === countQuotes(quoted ?? ""),
    chomps: match[2] === "-",
    fileDescriptor: Math.min(Number(match[1]), 2 ** 32),
  };
}

/** As `parseHeredocWord`, of any text. */
export function findHeredocWord(word: string): Opening | undefined {
  try {
    return parseHeredocWord(word);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

function trimTabs(line: string): string {
  let start = 0;
  while (line[start] === "\t") start++;
  return line.slice(start);
}

const countQuotes = (text: string): number => text.split(/['"]/).length - 1;
