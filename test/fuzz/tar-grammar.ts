import { blockBytes, paddingAfter } from "../../src/formats/tar/tar-entry.ts";
import type { Random } from "../random.ts";

const names = [
  ...[
    "a",
    "a/b",
    "a/b/c",
    "dir/",
    "./x",
    "/abs",
    "..",
    "../victim/secret",
    "a/../../b",
    "",
    ".",
    "l",
    "l/x",
    "l/..",
  ],
  ...[
    ".wh.a",
    "a/.wh.b",
    ".wh..wh..opq",
    "a/.wh..wh..opq",
    ".wh.",
    ".wh...",
    ".wh..",
    "l/.wh.x",
    ".wh..wh.plnk",
  ],
  ...["\xff\x01", "n".repeat(99), "d/".repeat(60), "x".repeat(256), "a\0b", "proc/self/root/etc"],
];
const links = [
  "a",
  "/etc",
  "../victim",
  "../victim/secret",
  "l",
  ".",
  "..",
  "/proc/self/root",
  "x".repeat(5000),
  "",
];
const numbers = ["0", "1", "777", "7777777", "-1", "8", " 12 ", "", "77777777777"];
const typeFlags = [
  "0",
  "0",
  "0",
  "5",
  "5",
  "2",
  "1",
  "3",
  "4",
  "6",
  "7",
  "S",
  "x",
  "x",
  "g",
  "L",
  "K",
  "X",
  "V",
  "\0",
  "Z",
];
const tameFlags = ["0", "0", "0", "5", "5", "5", "2", "2", "1", "3", "6", "x", "x", "L", "K"];
const tameNames = [
  ...[
    "a",
    "a/b",
    "a/b/c",
    "dir/",
    "dir/a",
    "./x",
    "/abs",
    "l",
    "l/x",
    "l/a/b",
    "\xff\x01",
    ".",
    "d/".repeat(40),
  ],
  ...[".wh.a", "a/.wh.b", ".wh..wh..opq", "a/.wh..wh..opq", ".wh.l", "l/.wh.x", ".wh..wh.plnk", "dir/.wh.a"],
];
const keywords = [
  ...["path", "linkpath", "size", "uid", "gid", "mtime", "atime", "comment", "charset", "hdrcharset"],
  ...[
    "SCHILY.xattr.user.x",
    "SCHILY.xattr.security.capability",
    "SCHILY.xattr.trusted.overlay.opaque",
    "SCHILY.xattr.",
  ],
  ...["GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size"],
  ...["GNU.sparse.map", "GNU.sparse.offset", "GNU.sparse.numbytes", "GNU.sparse.numblocks", "__proto__", ""],
];
const values = [
  "0",
  "1",
  "5",
  "-1",
  "1.5",
  "512",
  "0,1,2,3",
  "0,5",
  "1e9",
  "99999999999999999999",
  "x",
  "",
  "a\0b",
];

/** How far from an honest archive: in half of them only what the members say, not how they say it. */
interface Style {
  random: Random;
  isTame: boolean;
}

/** An archive of a few members that may say anything, with the checksums right for the most part. */
export function makeArchive(random: Random): Buffer {
  const style: Style = { random, isTame: random.next() < 0.5 };
  const parts: Buffer[] = [];
  for (let member = random.between(1, 8); member > 0; member--) parts.push(...makeMember(style));
  if (style.isTame || random.next() < 0.7) parts.push(Buffer.alloc(2 * blockBytes));
  const archive = Buffer.concat(parts);
  if (style.isTame) return archive;
  if (random.next() < 0.2) for (let n = random.between(1, 8); n > 0; n--) damage(random, archive);
  return random.next() < 0.15 ? archive.subarray(0, random.between(0, archive.length)) : archive;
}

function makeMember(style: Style): Buffer[] {
  const { random, isTame } = style;
  const typeFlag = random.pick(isTame ? tameFlags : typeFlags);
  const body = makeBody(style, typeFlag);
  const header = makeHeader(style, typeFlag, body.length);
  const member = [header, body, Buffer.alloc(paddingAfter(body.length))];
  // What tells of an entry needs one, or the archive ends within it.
  return isTame && "xLK".includes(typeFlag) ? [...member, ...makeMember(style)] : member;
}

function makeBody(style: Style, typeFlag: string): Buffer {
  const { random, isTame } = style;
  if ("xgX".includes(typeFlag)) return makeRecords(style);
  if (typeFlag === "L") return Buffer.from(`${random.pick(isTame ? tameNames : names)}\0`, "latin1");
  if (typeFlag === "K") return Buffer.from(random.pick(links), "latin1");
  if (!isTame && random.next() < 0.2)
    return Buffer.from(`${random.pick(numbers)}\n${random.pick(values)}\n5\n`.padEnd(blockBytes, "\0"));
  return "0\0".includes(typeFlag) || !isTame
    ? Buffer.alloc(random.pick([0, 0, 1, 5, 511, 512, 513, 2000]), "data")
    : Buffer.alloc(0);
}

function makeRecords({ random, isTame }: Style): Buffer {
  const records = Array.from({ length: random.between(0, 5) }, () => {
    const [keyword, value] = isTame
      ? random.pick([
          ["path", random.pick(tameNames)],
          ["linkpath", random.pick(links)],
          ["mtime", "1.5"],
          ["uid", "5"],
          ["SCHILY.xattr.user.x", "value"],
          ["SCHILY.xattr.trusted.overlay.opaque", "y"],
        ])
      : [random.pick(keywords), random.pick([...values, ...names, ...links])];
    const rest = ` ${keyword}=${value}\n`;
    let length = rest.length;
    while (String(length).length + rest.length !== length) length = rest.length + String(length).length;
    return `${!isTame && random.next() < 0.05 ? random.pick(numbers) : length}${rest}`;
  });
  return Buffer.from(records.join(""), "latin1");
}

function makeHeader({ random, isTame }: Style, typeFlag: string, bodyBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const oddly = (probability: number) => !isTame && random.next() < probability;
  const number = (offset: number, length: number, usual: string) => {
    const text = oddly(0.05) ? random.pick(numbers) : usual;
    block.write(text.padStart(length - 1, "0"), offset, length, "latin1");
    if (oddly(0.02)) block[offset] = random.pick([0x80, 0xff, 0xc0]);
  };
  block.write(random.pick(isTame ? tameNames : names), 0, 100, "latin1");
  number(100, 8, random.pick(["644", "755", "4755", "0"]));
  number(108, 8, random.pick(["0", "1750"]));
  number(116, 8, "0");
  number(124, 12, oddly(0.1) ? random.pick(numbers) : bodyBytes.toString(8));
  number(136, 12, "14000000000");
  block.write(typeFlag, 156, 1, "latin1");
  block.write(random.pick(links), 157, 100, "latin1");
  const magics = ["ustar\x0000", "ustar  \0", "\0", "ustax\0"];
  block.write(isTame ? "ustar\x0000" : random.pick(magics), 257, 8, "latin1");
  number(329, 8, "1");
  number(337, 8, "3");
  if (oddly(0.1)) block.write(random.pick(names), 345, 155, "latin1");
  if (typeFlag === "S")
    for (let at = 386; at < 495; at += 12) number(at, 12, random.pick(["0", "5", "1000"]));
  if (!oddly(0.03)) setChecksum(block);
  return block;
}

function damage(random: Random, archive: Buffer): void {
  const block = random.between(0, Math.floor(archive.length / blockBytes) - 1) * blockBytes;
  if (block < 0) return;
  archive[block + random.between(0, blockBytes - 1)] = random.between(0, 255);
  setChecksum(archive.subarray(block, block + blockBytes));
}

function setChecksum(block: Buffer): void {
  block.fill(0x20, 148, 156);
  let total = 0;
  for (const byte of block) total += byte;
  block.write(`${total.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}
