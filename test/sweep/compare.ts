import type { Explanation } from "./explained.ts";

/** What one program made of a line. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Why two outcomes of a line differ, where it is known. */
export function findExplanation(
  explanations: readonly Explanation[],
  line: string,
  ours: Outcome,
  theirs: Outcome,
): Explanation | undefined {
  const [our, their] = [tell(ours), tell(theirs)];
  return explanations.find((explanation) => {
    if (!explanation.line.test(line)) return false;
    if ("ours" in explanation) return explanation.ours.test(our) && explanation.theirs.test(their);
    const settle = (text: string) =>
      explanation.alike.reduce((result, [pattern, by]) => result.replace(pattern, by), text);
    return settle(our) === settle(their);
  });
}

const tell = ({ code, stdout, stderr }: Outcome): string =>
  [String(code), stdout, stderr].filter((text) => text !== "").join("\n");
