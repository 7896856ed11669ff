"""Numbers of the Linux ABI: data only. Names are the kernel headers' own.

System calls from 424 on have one number on every architecture; older ones are given as
(x86_64, aarch64), from asm/unistd_64.h and asm-generic/unistd.h.
"""

from __future__ import annotations

X86_64 = "x86_64"
AARCH64 = "aarch64"

_SHARED_CALLS = {
    "pidfd_send_signal": 424,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_restrict_self": 446,
}
_OLDER_CALLS = {
    "bpf": (321, 280),
    "capget": (125, 90),
    "capset": (126, 91),
    "inotify_add_watch": (254, 27),
    "inotify_init1": (294, 26),
    "inotify_rm_watch": (255, 28),
    "ioprio_set": (251, 30),
    "keyctl": (250, 219),
    "personality": (135, 92),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "sched_setattr": (314, 274),
    "seccomp": (317, 277),
    "setdomainname": (171, 162),
    "setfsgid": (123, 152),
    "setfsuid": (122, 151),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "syncfs": (306, 267),
    "umount2": (166, 39),
    "unshare": (272, 97),
}
CALLS: dict[str, dict[str, int]] = {
    X86_64: _SHARED_CALLS | {name: numbers[0] for name, numbers in _OLDER_CALLS.items()},
    AARCH64: _SHARED_CALLS | {name: numbers[1] for name, numbers in _OLDER_CALLS.items()},
}

# linux/sched.h
CLONE_NEWTIME = 0x80
CLONE_VM = 0x100
CLONE_PIDFD = 0x1000
CLONE_PARENT = 0x8000
CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
CLONE_INTO_CGROUP = 0x2_0000_0000

# linux/fcntl.h, linux/openat2.h
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_SYMLINK_NOFOLLOW = 0x100
AT_RECURSIVE = 0x8000
O_PATH = 0o10000000
RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

# linux/mount.h
FSOPEN_CLOEXEC = 1
FSMOUNT_CLOEXEC = 1
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_SET_FD = 5
FSCONFIG_CMD_CREATE = 6
MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_ATIME_MASK = 0x70
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_NOSYMFOLLOW = 0x0020_0000
MOUNT_ATTR_IDMAP = 0x0010_0000
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
OPEN_TREE_CLONE = 1
MNT_DETACH = 2
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20

# linux/close_range.h
CLOSE_RANGE_CLOEXEC = 4

# linux/prctl.h, linux/securebits.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 4

# linux/seccomp.h, linux/audit.h
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_RET_KILL_PROCESS = 0x8000_0000
SECCOMP_RET_ERRNO = 0x0005_0000
SECCOMP_RET_ALLOW = 0x7FFF_0000
AUDIT_ARCH_I386 = 0x4000_0003
AUDIT_ARCH_X86_64 = 0xC000_003E
AUDIT_ARCH_ARM = 0x4000_0028
AUDIT_ARCH_AARCH64 = 0xC000_00B7
X32_SYSCALL_BIT = 0x4000_0000

# asm-generic/ioctls.h, the same on both architectures
TIOCGPTN = 0x8004_5430
TIOCGPTPEER = 0x5441
TIOCSPTLCK = 0x4004_5431

# linux/landlock.h
LANDLOCK_CREATE_RULESET_VERSION = 1
LANDLOCK_ACCESS_FS_EXECUTE = 0x01
LANDLOCK_ACCESS_FS_MAKE_SOCK = 0x0200
LANDLOCK_ACCESS_FS_MAKE_BLOCK = 0x0800
LANDLOCK_ACCESS_NET_BIND_TCP = 0x01
LANDLOCK_ACCESS_NET_CONNECT_TCP = 0x02
LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 0x01
LANDLOCK_SCOPE_SIGNAL = 0x02

# linux/keyctl.h
KEYCTL_JOIN_SESSION_KEYRING = 1

# linux/ioprio.h
IOPRIO_WHO_PROCESS = 1
IOPRIO_CLASS_SHIFT = 13

# linux/inotify.h
IN_MODIFY = 0x002
IN_CLOSE_WRITE = 0x008
IN_MOVED_TO = 0x080
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_Q_OVERFLOW = 0x4000
IN_ONLYDIR = 0x0100_0000

# linux/capability.h, in the order of their numbers
LINUX_CAPABILITY_VERSION_3 = 0x2008_0522
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)

RLIMITS = (
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
)
"""In the order of their numbers (asm-generic/resource.h)."""
