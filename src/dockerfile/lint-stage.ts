import { posix } from "node:path";
import { invalid } from "../errors.ts";
import { compileIgnorePatterns } from "../formats/ignore-patterns.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { parseSignal } from "../formats/signal.ts";
import type { GlobalScope } from "./global-scope.ts";
import type { Arg, Expose, Instruction, KeyValue, Range, Word } from "./instructions.ts";
import type { LayeredMap } from "./layered-map.ts";
import type { Report } from "./lint-report.ts";
import { parseRunMount } from "./run-mount.ts";
import type { Statement } from "./statements.ts";
import { findNearest } from "./suggest.ts";
import { collectUnset, type ExpandOptions, expandWord, expandWords } from "./words.ts";

/** What is known of an image that a stage goes on from. */
export interface LintBase {
  platform: Platform;
  /** "NAME=VALUE". */
  env: readonly string[];
  hasShell: boolean;
  onBuild: readonly string[];
}

/** What the lint of a whole file shares. */
export interface LintContext {
  report: Report;
  escape: ExpandOptions["escape"];
  buildArgs: ReadonlyMap<string, string>;
  globals: GlobalScope;
  /** Patterns of .dockerignore, when none of them is an exception. */
  ignored: readonly string[];
}

/** What a stage hands on to those that go on from it. */
export interface LintScope {
  /** Undefined when the base image is not known: then no variable is undefined for certain. */
  env: LayeredMap<string> | undefined;
  declared: LayeredMap<true>;
  hasWorkdir: boolean;
  hasShell: boolean;
}

/** The instructions that count once, and where they were last. */
type Latest = Map<string, Range>;

/** @throws EngineError invalid for words that cannot be expanded: the build ends there */
export function lintInstructions(
  context: LintContext,
  scope: LintScope,
  instructions: readonly (readonly [Instruction, Statement | undefined])[],
): void {
  const latest: Latest = new Map();
  for (const [instruction, statement] of instructions) {
    const read = readerOf(context, scope, instruction.range);
    const keyword = statement?.keyword ?? instruction.keyword;
    const { range } = instruction;
    switch (instruction.kind) {
      case "arg":
        lintArg(context, scope, instruction);
        break;
      case "env":
      case "label": {
        const pairs = expandPairs(instruction.pairs, read);
        if (statement?.isLegacy) context.report("LegacyKeyValueFormat", range, keyword);
        if (instruction.kind === "env") setEnv(context, scope, range, pairs);
        break;
      }
      case "copy":
      case "add":
        lintTransfer(context, scope, instruction, read);
        break;
      case "run":
        for (const mount of instruction.mounts) parseRunMount(mount, read);
        break;
      case "cmd":
      case "entrypoint":
        lintOnce(context, latest, keyword, range);
        if (instruction.command.form === "shell" && !scope.hasShell)
          context.report("JSONArgsRecommended", range, keyword);
        break;
      case "healthcheck":
        lintOnce(context, latest, keyword, range);
        break;
      case "workdir":
        lintWorkdir(context, scope, range, read(instruction.path));
        break;
      case "user":
        read(instruction.user);
        break;
      case "volume":
        if (instruction.paths.map(read).includes(""))
          throw invalid("VOLUME specified can not be an empty string");
        break;
      case "stopsignal":
        parseSignal(read(instruction.signal));
        break;
      case "expose":
        lintPorts(context, scope, instruction);
        break;
      case "shell":
        scope.hasShell = true;
    }
  }
}

/** Expands a word of an instruction, and reports what is not defined in it, even when it cannot be expanded. */
function readerOf({ report, escape: escaper }: LintContext, scope: LintScope, range: Range, more = {}) {
  const { env, declared } = scope;
  return (word: Word): string => {
    const unset = new Set<string>();
    try {
      return expandWord(
        word,
        collectUnset((name) => env?.get(name), unset),
        { escape: escaper, ...more },
      );
    } finally {
      for (const name of env ? unset : []) {
        if (declared.get(name) || unseen.has(name)) continue;
        report("UndefinedVar", range, name, (most) => findNearest(name, env?.keys() ?? [], most) ?? "");
      }
    }
  };
}

/** These are for the builder alone. */
const unseen = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

function lintArg(
  { report, escape: escaper, ...context }: LintContext,
  scope: LintScope,
  { args, range }: Arg,
) {
  for (const { name, value: standard } of args) {
    if (isSecret(name)) report("SecretsUsedInArgOrEnv", range, "ARG", name);
    let value = context.buildArgs.get(name);
    if (value === undefined && standard !== undefined)
      value = readerOf({ report, escape: escaper, ...context }, scope, range)(standard);
    else value ??= context.globals.values.get(name);
    if (value !== undefined && !unseen.has(name)) scope.env?.set(name, value);
    scope.declared.set(name, true);
  }
}

function expandPairs(pairs: readonly KeyValue[], read: (word: Word) => string): [string, string][] {
  return pairs.map(({ key, value }) => [read(key), read(value)]);
}

function setEnv({ report }: LintContext, scope: LintScope, range: Range, pairs: [string, string][]): void {
  for (const [key, value] of pairs) {
    if (isSecret(key)) report("SecretsUsedInArgOrEnv", range, "ENV", key);
    scope.env?.set(key, value);
  }
}

const secret = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const open = /(?:_|^)public(?:_|$)/i;

function isSecret(name: string): boolean {
  return secret.test(name) && !open.test(name);
}

function lintTransfer(
  context: LintContext,
  scope: LintScope,
  instruction: Extract<Instruction, { kind: "copy" | "add" }>,
  read: (word: Word) => string,
): void {
  const { kind, chown, chmod, sources, destination, heredocs, range } = instruction;
  const checksum = kind === "add" ? instruction.checksum : undefined;
  for (const word of [chown, chmod, checksum]) if (word !== undefined) read(word);
  const named = sources.map(read);
  read(destination);
  const readContent = readerOf({ ...context, escape: "\\" }, scope, range, { ignoresQuotes: true });
  for (const { content, expands } of heredocs) if (expands) readContent(content);
  if (kind === "copy" && instruction.from !== undefined) return;
  const patterns = compileIgnorePatterns(context.ignored);
  for (const source of named) {
    const path = posix.normalize(source).replace(/(?<=.)\/$/, "");
    if (!isRemote(source) && patterns.isIgnored(path))
      context.report("CopyIgnoredFile", range, kind === "add" ? "Add" : "Copy", source);
  }
}

const isRemote = (source: string) => /^(?:https?|git|ssh):\/\/|^git@/.test(source);

function lintOnce({ report }: LintContext, latest: Latest, keyword: string, range: Range): void {
  const kind = keyword.toUpperCase();
  const before = latest.get(kind);
  // The one that will not be used is the earlier one.
  if (before) report("MultipleInstructionsDisallowed", before, keyword);
  latest.set(kind, range);
}

function lintWorkdir({ report }: LintContext, scope: LintScope, range: Range, path: string): void {
  if (!scope.hasWorkdir && !path.startsWith("/")) report("WorkdirRelativePath", range, path);
  scope.hasWorkdir = true;
}

/** Variables that are not defined are no matter here. */
function lintPorts(
  { report, escape: escaper }: LintContext,
  scope: LintScope,
  { ports, range }: Expose,
): void {
  for (const word of ports) {
    for (const port of expandWords(word, (name) => scope.env?.get(name), { escape: escaper })) {
      const [place = "", ...rest] = port.split("/");
      const protocol = rest.join("/");
      const lower = protocol.toLowerCase();
      // What is no protocol at all, the build refuses.
      if (protocol !== lower && ["tcp", "udp", "sctp"].includes(lower))
        report("ExposeProtoCasing", range, port);
      if (place.includes(":")) report("ExposeInvalidFormat", range, port);
    }
  }
}
