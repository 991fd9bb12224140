import type { Add, Copy } from "../../dockerfile/instructions.ts";
import { expandWord } from "../../dockerfile/words.ts";
import { invalid } from "../../errors.ts";
import { cleanPath } from "../../formats/bind-spec.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import { hasWildcard } from "../solve/select-sources.ts";
import { isGitAddress } from "./git-address.ts";
import { type CopyNode, type CopyPart, type Node, notePath } from "./nodes.ts";
import { isHttpAddress, planRemote } from "./plan-remote.ts";
import { countSources, countText } from "./plan-size.ts";
import { expandIn, valueIn } from "./scope.ts";
import { absolutePath, addHistory, addStep, type Planning, type StagePlan } from "./stage.ts";

/** Plans a COPY or an ADD. @throws EngineError invalid */
export async function planTransfer(
  planning: Planning,
  stage: StagePlan,
  instruction: Copy | Add,
): Promise<void> {
  const { kind, keyword, heredocs, range } = instruction;
  const expand = (word: string) => expandIn(stage.scope, word);
  countSources(stage.scope.size, instruction.sources.length);
  const sources = instruction.sources.map(expand);
  const destination = destinationOf(stage, expand(instruction.destination));
  const chown = instruction.chown && expand(instruction.chown);
  const chmod = instruction.chmod && expand(instruction.chmod);
  const checksum = (kind === "add" && instruction.checksum && expand(instruction.checksum)) || undefined;
  if (kind === "copy") sources.forEach(refuseRemote);
  else if (checksum !== undefined) checkSummable(sources);
  const exclude = instruction.exclude.map(expand);
  const withParents = kind === "copy" && instruction.parents;
  const from = kind === "copy" && instruction.from ? expand(instruction.from) : undefined;
  const tree = from === undefined ? planning.context : await planning.findSource(from, stage, { range });
  const parts: CopyPart[] = [];
  for (const source of sources) {
    const remote = kind === "add" ? planRemote(instruction, source, checksum) : undefined;
    const unpack = kind === "add" && instruction.unpack !== false ? "archives" : "never";
    parts.push(remote ?? localPart(tree, source, { unpack, withParents }));
  }
  if (heredocs.length > 0) parts.push(inlinePart(stage, heredocs));
  const node: CopyNode = {
    kind: "copy",
    name: "",
    range,
    base: stage.node,
    parts,
    destination,
    ...(chown && { chown }),
    ...(chmod && { chmod }),
    exclude,
    parents: withParents,
    // A name would be looked up in the base.
    ...(instruction.link && isNumeric(chown) && { isLinked: true }),
    ...(stage.ignoresCache && { ignoresCache: true }),
  };
  addStep(stage, node, instruction);
  const flags = [
    ...(withParents ? ["--parents"] : []),
    ...(chown ? [`--chown=${chown}`] : []),
    ...(chmod ? [`--chmod=${chmod}`] : []),
  ];
  const named = [...sources.map(redactAddresses), ...heredocs.map(({ name }) => `<<${name}`)];
  const createdBy = [keyword, ...flags, ...named, expand(instruction.destination)].join(" ");
  addHistory(stage, `${createdBy} # buildkit`, { hasLayer: true, sourceDate: planning.options.sourceDate });
}

/** @throws EngineError invalid */
function refuseRemote(source: string): void {
  if (isGitAddress(source)) throw invalid("source can't be a git ref for COPY");
  if (isHttpAddress(source)) throw invalid("source can't be a URL for COPY");
}

/** A checksum is of one thing, and of none that is the client's own. @throws EngineError invalid */
function checkSummable(sources: readonly string[]): void {
  const [source] = sources;
  if (source === undefined || sources.length > 1)
    throw invalid("checksum can't be specified for multiple sources");
  if (!isGitAddress(source) && !isHttpAddress(source))
    throw invalid("checksum requires HTTP(S) or Git sources");
}

function isNumeric(chown: string | undefined): boolean {
  return !chown || /^\d+(?::\d+)?$/.test(chown);
}

/** With its slash at the end where it is meant as a directory. */
function destinationOf(stage: StagePlan, destination: string): string {
  const isDirectory = destination.endsWith("/") || /(?:^|\/)\.$/.test(destination);
  const path = cleanPath(absolutePath(stage, destination));
  return isDirectory && !path.endsWith("/") ? `${path}/` : path;
}

function localPart(
  tree: Node,
  source: string,
  { unpack, withParents }: { unpack: CopyPart["unpack"]; withParents: boolean },
): CopyPart {
  const pattern = withParents ? cleanPivot(source) : cleanSource(source);
  notePath(tree, pattern);
  const selection = {
    pattern,
    // As with BuildKit, where nothing fits nothing is copied.
    ...(hasWildcard(pattern) ? { hasWildcards: true, mayBeEmpty: true } : { hasWildcards: false }),
    ...(withParents && { withParents }),
  };
  return { from: tree, selections: [selection], unpack };
}

/** From the root of its tree: `..` leads no further up. */
const cleanSource = (source: string) => cleanPath(`/${source}`).slice(1);

/** The same, where the first `/./` is the pivot of `--parents`. */
function cleanPivot(source: string): string {
  const pivot = source.indexOf("/./");
  if (pivot < 0) return cleanSource(source);
  const start = cleanSource(source.slice(0, pivot));
  const below = cleanSource(source.slice(pivot + 3));
  return start === "" ? below : `${start}/./${below}`;
}

function inlinePart({ scope }: StagePlan, heredocs: (Copy | Add)["heredocs"]): CopyPart {
  const files = heredocs.map(({ name, content, expands }) => {
    if (!expands) return { name, content };
    // As with BuildKit, whatever character the Dockerfile chooses elsewhere.
    const options = { escape: "\\", ignoresQuotes: true } as const;
    const expanded = expandWord(content, (variable) => valueIn(scope, variable), options);
    countText(scope.size, expanded.length);
    return { name, content: expanded };
  });
  return {
    from: { kind: "inline", name: "[internal] preparing inline document", files },
    selections: files.map(({ name }) => ({ pattern: name, hasWildcards: false })),
    unpack: "never",
  };
}
