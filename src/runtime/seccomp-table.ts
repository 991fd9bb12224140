/**
 * What Docker's default seccomp profile (28.x) lets through. Everything else fails with EPERM, clone3 with ENOSYS.
 * Names of all architectures are in one list: a runtime skips those its kernel does not have.
 */

const words = (text: string) => text.trim().split(/\s+/);

/** Allowed to every container, whatever the arguments. */
export const alwaysAllowed = words(`
  accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
  clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
  epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
  exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2
  fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
  fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait
  futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid
  getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid
  getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname
  getsockopt gettid gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
  inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl
  ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32
  lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat
  lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock
  mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64
  mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
  name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2
  pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease
  pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg
  recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall
  riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
  rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
  sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
  select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto
  set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
  setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
  setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown
  sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64
  statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete
  timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
  timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink
  unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
`);

/** Allowed since Linux 4.8, where ptrace can no longer get around seccomp. */
export const allowedSinceLinux48 = words("process_vm_readv process_vm_writev ptrace");

/** Allowed on these architectures only (Go's names, as in Docker's profiles). */
export const allowedByArchitecture: [architectures: string[], syscalls: string[]][] = [
  [["ppc64le"], words("sync_file_range2 swapcontext")],
  [
    ["arm", "arm64"],
    words("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"),
  ],
  [["amd64", "x32"], words("arch_prctl")],
  [["amd64", "x32", "x86"], words("modify_ldt")],
  [["s390", "s390x"], words("s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr")],
  [["riscv64"], words("riscv_flush_icache")],
];

/** Allowed with the capability, whose own checks then decide. */
export const allowedByCapability: Record<string, string[]> = {
  CAP_DAC_READ_SEARCH: words("open_by_handle_at"),
  CAP_SYS_ADMIN: words(`
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
    sethostname setns syslog umount umount2 unshare
  `),
  CAP_SYS_BOOT: words("reboot"),
  CAP_SYS_CHROOT: words("chroot"),
  CAP_SYS_MODULE: words("delete_module init_module finit_module"),
  CAP_SYS_PACCT: words("acct"),
  CAP_SYS_PTRACE: words("kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
  CAP_SYS_RAWIO: words("iopl ioperm"),
  CAP_SYS_TIME: words("settimeofday stime clock_settime clock_settime64"),
  CAP_SYS_TTY_CONFIG: words("vhangup"),
  CAP_SYS_NICE: words("get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
  CAP_SYSLOG: words("syslog"),
  CAP_BPF: words("bpf"),
  CAP_PERFMON: words("perf_event_open"),
};

/** personality(2): Linux, 32-bit Linux, both with UNAME26, and the question what is set. */
export const allowedPersonalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** Sockets of every family but this one: a virtual machine's host must not be reached around the network. */
export const vsockFamily = 40;

/** The namespace flags of clone(2): NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
export const namespaceFlags = 0x7e020000;

/** By native architecture, what else a process may be: libseccomp's names. */
export const architectureMap: { architecture: string; subArchitectures: string[] }[] = [
  { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
  { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  { architecture: "SCMP_ARCH_S390X", subArchitectures: ["SCMP_ARCH_S390"] },
  { architecture: "SCMP_ARCH_RISCV64", subArchitectures: [] },
  { architecture: "SCMP_ARCH_LOONGARCH64", subArchitectures: [] },
];

/** Node's `process.arch` → Go's and libseccomp's names. */
export const nativeArchitectures: Record<string, { go: string; seccomp: string }> = {
  x64: { go: "amd64", seccomp: "SCMP_ARCH_X86_64" },
  ia32: { go: "x86", seccomp: "SCMP_ARCH_X86" },
  arm64: { go: "arm64", seccomp: "SCMP_ARCH_AARCH64" },
  arm: { go: "arm", seccomp: "SCMP_ARCH_ARM" },
  ppc64: { go: "ppc64le", seccomp: "SCMP_ARCH_PPC64LE" },
  s390x: { go: "s390x", seccomp: "SCMP_ARCH_S390X" },
  riscv64: { go: "riscv64", seccomp: "SCMP_ARCH_RISCV64" },
  loong64: { go: "loong64", seccomp: "SCMP_ARCH_LOONGARCH64" },
};
