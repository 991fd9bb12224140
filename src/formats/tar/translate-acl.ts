const headerBytes = 4;
const version2 = 2;
const entryBytes = 8;
const namedUser = 0x02;
const namedGroup = 0x08;

/**
 * A POSIX ACL, as an extended attribute has it (linux/posix_acl_xattr.h), with other ids for the users and groups that it names.
 * What is of another form stays as it is: the kernel refuses it.
 */
export function translateAcl(
  value: Buffer,
  { user, group }: { user: (id: number) => number; group: (id: number) => number },
): Buffer {
  if (value.length < headerBytes || value.readUInt32LE(0) !== version2) return value;
  if ((value.length - headerBytes) % entryBytes !== 0) return value;
  const made = Buffer.from(value);
  for (let at = headerBytes; at < made.length; at += entryBytes) {
    const tag = made.readUInt16LE(at);
    const translate = tag === namedUser ? user : tag === namedGroup ? group : undefined;
    if (translate) made.writeUInt32LE(translate(made.readUInt32LE(at + 4)), at + 4);
  }
  return made;
}
