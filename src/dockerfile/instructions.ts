/*
 * What a Dockerfile says, as written: words are unexpanded, since what they mean depends on the arguments of a build. Follows the
 * Dockerfile reference (docs.docker.com/reference/dockerfile).
 */

/** Lines count from 1, characters from 0. */
export interface Position {
  line: number;
  character: number;
}

export interface Range {
  start: Position;
  end: Position;
}

/** A text with quotes, escapes and variables still in it. */
export type Word = string;

export interface Heredoc {
  /** The delimiter, without quotes and file descriptor: the name of the file that it stands for. */
  name: string;
  content: string;
  /** The content as it stands in the file. */
  written: string;
  /** The delimiter was not quoted: variables count. */
  expands: boolean;
  /** `<<-`: tabs in front of lines have been taken away. */
  chomps: boolean;
  fileDescriptor: number;
}

/** Of RUN, CMD, ENTRYPOINT and HEALTHCHECK CMD. */
export type CommandForm =
  | { form: "exec"; args: string[] }
  /** For the shell: of RUN, `heredocs` are those that the text names. */
  | { form: "shell"; text: string; heredocs: Heredoc[] };

interface Located {
  /** Upper case. */
  keyword: string;
  /** As written, continued lines joined: what messages and progress show. */
  source: string;
  range: Range;
  /** The comment lines directly above, without `#`: what `--call=outline` shows. */
  comment?: string;
}

export interface KeyValue {
  key: Word;
  value: Word;
}

export type From = Located & {
  kind: "from";
  image: Word;
  /** As written. */
  alias?: string;
  platform?: Word;
};

export type Arg = Located & {
  kind: "arg";
  args: { name: string /** Undefined without a default. */; value?: Word; comment?: string }[];
};

export type Env = Located & { kind: "env"; pairs: KeyValue[] };
export type Label = Located & { kind: "label"; pairs: KeyValue[] };

export type Run = Located & {
  kind: "run";
  command: CommandForm;
  /** The flags' values, unparsed: `parseRunMount` reads them when variables are known. */
  mounts: Word[];
  network?: "default" | "none" | "host";
  security?: "sandbox" | "insecure";
  devices: string[];
};

interface Transfer {
  sources: Word[];
  /** Sources given inline, besides `sources`. */
  heredocs: Heredoc[];
  destination: Word;
  chown?: Word;
  chmod?: Word;
  /** Undefined when not said. */
  link?: boolean;
  exclude: Word[];
}

export type Copy = Located & Transfer & { kind: "copy"; from?: Word; parents: boolean };

export type Add = Located &
  Transfer & {
    kind: "add";
    keepGitDir: boolean;
    checksum?: Word /** Undefined when not said. */;
    unpack?: boolean;
  };

export type Cmd = Located & { kind: "cmd"; command: CommandForm };
export type Entrypoint = Located & { kind: "entrypoint"; command: CommandForm };
export type Shell = Located & { kind: "shell"; args: string[] };
export type Workdir = Located & { kind: "workdir"; path: Word };
type User = Located & { kind: "user"; user: Word };
/** Sorted, as the history shows them. */
export type Expose = Located & { kind: "expose"; ports: Word[] };
type Volume = Located & { kind: "volume"; paths: Word[] };
export type StopSignal = Located & { kind: "stopsignal"; signal: Word };
export type Maintainer = Located & { kind: "maintainer"; author: string };
/** `text` is the instruction as the image keeps it. Only the build upon that image parses it (`parseTrigger`), and finds what is wrong. */
export type OnBuild = Located & { kind: "onbuild"; text: string };

export type HealthCheck = Located & {
  kind: "healthcheck";
  /** Undefined for NONE. */
  command: CommandForm | undefined;
  /** Nanoseconds; 0 when not said. */
  interval: number;
  timeout: number;
  startPeriod: number;
  startInterval: number;
  /** 0 when not said. */
  retries: number;
};

/** What may stand in a stage. */
export type Instruction =
  | Arg
  | Env
  | Label
  | Run
  | Copy
  | Add
  | Cmd
  | Entrypoint
  | Shell
  | Workdir
  | User
  | Expose
  | Volume
  | StopSignal
  | Maintainer
  | OnBuild
  | HealthCheck;

export interface Stage {
  index: number;
  /** Lower case; undefined without AS. */
  name: string | undefined;
  from: From;
  instructions: Instruction[];
}

export interface Dockerfile {
  /** The one that it was parsed from, for excerpts. */
  text: string;
  /** `# syntax=`, and where it stands. */
  syntax?: { reference: string; range: Range };
  escape: "\\" | "`";
  /** `# check=`, unparsed. */
  check?: { value: string; range: Range };
  /** Before the first FROM. */
  globalArgs: Arg[];
  stages: Stage[];
}

/** What the linter has to say. */
export interface LintWarning {
  /** "StageNameCasing", … */
  rule: string;
  description: string;
  url: string;
  detail: string;
  ranges: Range[];
}
