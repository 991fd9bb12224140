/** The options of a mount as mount(2) takes them: flags, and words for the file system. */
export interface MountFlags {
  flags: number;
  /** One flag of propagation, for a call of its own; 0 for none. */
  propagation: number;
  /** "" for none. */
  data: string;
}

/** By the names of mount(8). */
const setting = new Map([
  ["ro", 0x1],
  ["nosuid", 0x2],
  ["nodev", 0x4],
  ["noexec", 0x8],
  ["sync", 0x10],
  ["remount", 0x20],
  ["mand", 0x40],
  ["dirsync", 0x80],
  ["noatime", 0x400],
  ["nodiratime", 0x800],
  ["bind", 0x1000],
  ["rbind", 0x1000 | 0x4000],
  ["relatime", 0x200000],
  ["strictatime", 0x1000000],
]);
const clearing = new Map([
  ["rw", 0x1],
  ["suid", 0x2],
  ["dev", 0x4],
  ["exec", 0x8],
  ["async", 0x10],
  ["nomand", 0x40],
  ["atime", 0x400],
  ["diratime", 0x800],
  ["norelatime", 0x200000],
  ["nostrictatime", 0x1000000],
  ["defaults", 0],
]);
const recursive = 0x4000;
const propagations = new Map([
  ["unbindable", 0x20000],
  ["private", 0x40000],
  ["slave", 0x80000],
  ["shared", 0x100000],
]);

/** Later options win over earlier ones. */
export function parseMountFlags(options: string): MountFlags {
  const parsed: MountFlags = { flags: 0, propagation: 0, data: "" };
  const data: string[] = [];
  for (const option of options.split(",").filter((one) => one !== "")) {
    const [set, clear] = [setting.get(option), clearing.get(option)];
    const propagation = propagations.get(option.replace(/^r(?=unbindable|private|slave|shared)/, ""));
    if (set !== undefined) parsed.flags |= set;
    else if (clear !== undefined) parsed.flags &= ~clear;
    else if (propagation !== undefined)
      parsed.propagation = propagation | (option.startsWith("r") ? recursive : 0);
    else data.push(option);
  }
  return { ...parsed, data: data.join(",") };
}
