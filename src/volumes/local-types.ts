const onDisk =
  "ext2 ext3 ext4 xfs btrfs zfs f2fs bcachefs jfs reiserfs nilfs2 vfat msdos exfat ntfs ntfs3 hfs hfsplus iso9660 udf squashfs erofs";
const inMemory = "tmpfs ramfs rootfs devtmpfs hugetlbfs";
const ofKernel =
  "proc sysfs cgroup cgroup2 cpuset devpts mqueue securityfs debugfs tracefs configfs pstore bpf efivarfs fusectl binfmt_misc nsfs selinuxfs resctrl";
// Its layers may be elsewhere. But where the engine runs in a container it is most often the root itself, and each look would need a thread.
const layered = "overlay";

const local = new Set([onDisk, inMemory, ofKernel, layered].join(" ").split(" "));

/**
 * Whether a file system of this type answers at once. For all others, also those that are not known here, another machine or another
 * process may have to answer.
 */
export function isLocal(type: string): boolean {
  return local.has(type);
}
