import { posix } from "node:path";
import { invalid } from "../errors.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import { parseSize } from "../formats/units.ts";
import type { Word } from "./instructions.ts";
import { readBoolean, readFields } from "./run-device.ts";
import { suggest } from "./suggest.ts";

const types = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const sharings = ["shared", "private", "locked"] as const;
type Sharing = (typeof sharings)[number];

/** Undefined when not said: of a cache 0755, of a secret 0400, of a socket 0600, and root's. */
interface Owned {
  mode?: number;
  uid?: number;
  gid?: number;
}

/**
 * Of `RUN --mount`. A target is as written: a relative one belongs to the working directory, and one that comes to "/" is refused
 * (`invalid mount target "/"`). A source belongs to the root of what is mounted.
 */
export type RunMount =
  /** `from` is empty for the build context. What is written goes with the step. */
  | { type: "bind"; target: string; source: string; from: string; isReadOnly: boolean }
  /** What is in it at first is `source` of `from`, if that is not empty. */
  | (Owned & CacheMount)
  | { type: "tmpfs"; target: string /** Undefined: the kernel's default. */; sizeBytes?: number }
  | (Owned & SecretMount)
  /** The target of no name is chosen by the builder. */
  | (Owned & { type: "ssh"; target?: string; id: string; isRequired: boolean });

interface CacheMount {
  type: "cache";
  target: string;
  id: string;
  source: string;
  from: string;
  sharing: Sharing;
  isReadOnly: boolean;
}

interface SecretMount {
  type: "secret";
  id: string;
  /** Undefined when it is to be a variable only. */
  target?: string;
  /** The name of a variable. */
  env?: string;
  isRequired: boolean;
}

/** What the flag says, whatever its type makes of it. */
interface Fields extends Owned {
  type: (typeof types)[number];
  from: string;
  source: string;
  target: string;
  id: string;
  sharing?: Sharing;
  isReadOnly?: boolean;
  isRequired: boolean;
  sizeBytes?: number;
  env?: string;
}

/** What is wrong whatever the variables are. @throws EngineError invalid */
export function checkRunMount(text: Word): void {
  for (const field of readFields(text, "mounts")) {
    const [key, value] = splitField(field);
    if (key === "from" && value !== undefined && value.indexOf("$") >= 0 && !value.endsWith("$"))
      throw invalid("'from' doesn't support variable expansion, define alias stage instead");
  }
}

/** The stage, image or context that it is from, before all else is known: no variable can be in it. */
export function findFrom(text: Word): string | undefined {
  const fields = readFields(text, "mounts").map(splitField);
  return fields.findLast(([key, value]) => key === "from" && value)?.[1];
}

/** The variable that a secret is given in, as written. */
export function findVariable(text: Word): string | undefined {
  const fields = readFields(text, "mounts").map(splitField);
  return fields.findLast(([key]) => key === "env")?.[1];
}

/** @throws EngineError invalid, in BuildKit's words */
export function parseRunMount(text: Word, expand: (word: Word) => string): RunMount {
  const fields: Fields = { type: "bind", from: "", source: "", target: "", id: "", isRequired: false };
  for (const field of readFields(text, "mounts")) {
    const [key, value] = splitField(field);
    if (value === undefined) setSwitch(fields, key, field);
    else setValue(fields, key, expand(value), field);
  }
  checkFields(fields);
  return shape(fields);
}

function splitField(field: string): [key: string, value: string | undefined] {
  const equals = field.indexOf("=");
  if (equals < 0) return [field.toLowerCase(), undefined];
  return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
}

function setSwitch(fields: Fields, key: string, field: string): void {
  if (key === "readonly" || key === "ro") fields.isReadOnly = true;
  else if (key === "readwrite" || key === "rw") fields.isReadOnly = false;
  else if (key === "required") setRequired(fields, key, "true");
  else throw invalid(`invalid field '${field}' must be a key=value pair`);
}

function setRequired(fields: Fields, key: string, value: string): void {
  if (fields.type !== "secret" && fields.type !== "ssh")
    throw invalid(`unexpected key '${key}' for mount type '${fields.type}'`);
  fields.isRequired = readBoolean(key, value);
}

const setters: Record<string, (fields: Fields, value: string, key: string) => void> = {
  type: (fields, value) => {
    const type = types.find((name) => name === value.toLowerCase());
    if (!type) throw invalid(suggest(`unsupported mount type ${quoteGo(value)}`, value, types));
    fields.type = type;
  },
  from: (fields, value) => {
    fields.from = value;
  },
  source: (fields, value) => {
    fields.source = value;
  },
  target: (fields, value) => {
    fields.target = value;
  },
  readonly: (fields, value, key) => {
    fields.isReadOnly = readBoolean(key, value);
  },
  readwrite: (fields, value, key) => {
    fields.isReadOnly = !readBoolean(key, value);
  },
  required: (fields, value, key) => setRequired(fields, key, value),
  id: (fields, value) => {
    fields.id = value;
  },
  sharing: (fields, value) => {
    const sharing = sharings.find((name) => name === value.toLowerCase());
    if (!sharing) throw invalid(`unsupported sharing value ${quoteGo(value)}`);
    fields.sharing = sharing;
  },
  mode: (fields, value) => {
    fields.mode = readNumber(value, "mode", 8);
  },
  uid: (fields, value) => {
    fields.uid = readNumber(value, "uid", 10);
  },
  gid: (fields, value) => {
    fields.gid = readNumber(value, "gid", 10);
  },
  size: (fields, value, key) => {
    if (fields.type !== "tmpfs") throw invalid(`unexpected key '${key}' for mount type '${fields.type}'`);
    fields.sizeBytes = readSize(value);
  },
  env: (fields, value) => {
    fields.env = value;
  },
};

const longNames: Record<string, string> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
  rw: "readwrite",
};

/** In the order in which BuildKit looks for what was meant. */
const suggested =
  "type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env".split(
    " ",
  );

function setValue(fields: Fields, key: string, value: string, field: string): void {
  const name = Object.hasOwn(longNames, key) ? longNames[key]! : key;
  if (!Object.hasOwn(setters, name))
    throw invalid(suggest(`unexpected key '${key}' in '${field}'`, key, suggested));
  setters[name]!(fields, value, key);
}

function readNumber(value: string, what: string, base: 8 | 10): number {
  const number = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value) ? Number.parseInt(value, base) : Number.NaN;
  if (number < 2 ** 32) return number;
  throw invalid(`invalid value ${value} for ${what}`);
}

function readSize(value: string): number {
  try {
    return parseSize(value);
  } catch {
    throw invalid(`invalid value for size: ${value}`);
  }
}

function checkFields({ type, mode, uid, gid, sharing, source, target, id }: Fields): void {
  if (type === "bind" || type === "tmpfs")
    for (const [name, value] of Object.entries({ mode, uid, gid }))
      if (value !== undefined) throw invalid(`${name} not allowed for ${quoteGo(type)} type mounts`);
  if (type === "secret") {
    if (sharing) throw invalid("secret mount should not define sharing");
    if (source === "" && target === "" && id === "")
      throw invalid("invalid secret mount. one of source, target required");
    if (source !== "" && id !== "") throw invalid("both source and id can't be set");
  }
  if (sharing && type !== "cache") throw invalid(`invalid cache sharing set for ${type} mount`);
  if (type === "ssh" && source !== "") throw invalid("ssh does not support source");
}

function shape(fields: Fields): RunMount {
  const { type, target, source, from, mode, uid, gid, isRequired, env, sizeBytes } = fields;
  const owned = {
    ...(mode !== undefined && { mode }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
  if (type === "bind") return { type, target, source, from, isReadOnly: fields.isReadOnly ?? true };
  if (type === "tmpfs") return { type, target, ...(sizeBytes !== undefined && { sizeBytes }) };
  if (type === "cache") {
    const id = fields.id || cleanPath(target);
    const { sharing = "shared", isReadOnly = false } = fields;
    return { type, target, id, source, from, sharing, isReadOnly, ...owned };
  }
  if (type === "ssh") {
    const id = fields.id || "default";
    return { type, id, isRequired, ...(target && { target }), ...owned };
  }
  const id = source || fields.id || posix.basename(target);
  const place = target || (env === undefined ? `/run/secrets/${posix.basename(id)}` : "");
  const named = env !== undefined && { env };
  return { type, id, isRequired, ...(place && { target: place }), ...named, ...owned };
}

/** As Go's path.Clean. */
function cleanPath(path: string): string {
  const cleaned = posix.normalize(path);
  return cleaned.length > 1 && cleaned.endsWith("/") ? cleaned.slice(0, -1) : cleaned;
}
