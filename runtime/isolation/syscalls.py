"""System calls that a container does without, and their numbers: (x86_64, i386, arm64). Data only.

The capability is the one that gives the call back; those without stay refused.
"""

from __future__ import annotations

NEWEST = 467
"""The highest number that was judged (open_tree_attr, Linux 6.15); later ones do not exist here."""

REFUSED: dict[str, tuple[str, int | None, int | None, int | None]] = {
    "_sysctl": ("", 156, 149, None),
    "acct": ("CAP_SYS_PACCT", 163, 51, 89),
    "add_key": ("", 248, 286, 217),
    "afs_syscall": ("", 183, 137, None),
    "bdflush": ("", None, 134, None),
    "bpf": ("CAP_BPF", 321, 357, 280),
    "break": ("", None, 17, None),
    "chroot": ("CAP_SYS_CHROOT", 161, 61, 51),
    "clock_adjtime": ("CAP_SYS_TIME", 305, 343, 266),
    "clock_adjtime64": ("CAP_SYS_TIME", None, 405, None),
    "clock_settime": ("CAP_SYS_TIME", 227, 264, 112),
    "clock_settime64": ("CAP_SYS_TIME", None, 404, None),
    "create_module": ("CAP_SYS_MODULE", 174, 127, None),
    "delete_module": ("CAP_SYS_MODULE", 176, 129, 106),
    "epoll_ctl_old": ("", 214, None, None),
    "epoll_wait_old": ("", 215, None, None),
    "fanotify_init": ("CAP_SYS_ADMIN", 300, 338, 262),
    "finit_module": ("CAP_SYS_MODULE", 313, 350, 273),
    "fsconfig": ("CAP_SYS_ADMIN", 431, 431, 431),
    "fsmount": ("CAP_SYS_ADMIN", 432, 432, 432),
    "fsopen": ("CAP_SYS_ADMIN", 430, 430, 430),
    "fspick": ("CAP_SYS_ADMIN", 433, 433, 433),
    "ftime": ("", None, 35, None),
    "get_kernel_syms": ("CAP_SYS_MODULE", 177, 130, None),
    "get_mempolicy": ("CAP_SYS_NICE", 239, 275, 236),
    "getpmsg": ("", 181, 188, None),
    "gtty": ("", None, 32, None),
    "init_module": ("CAP_SYS_MODULE", 175, 128, 105),
    "io_uring_enter": ("", 426, 426, 426),
    "io_uring_register": ("", 427, 427, 427),
    "io_uring_setup": ("", 425, 425, 425),
    "ioperm": ("CAP_SYS_RAWIO", 173, 101, None),
    "iopl": ("CAP_SYS_RAWIO", 172, 110, None),
    "kcmp": ("CAP_SYS_PTRACE", 312, 349, 272),
    "kexec_file_load": ("CAP_SYS_BOOT", 320, None, 294),
    "kexec_load": ("CAP_SYS_BOOT", 246, 283, 104),
    "keyctl": ("", 250, 288, 219),
    "lock": ("", None, 53, None),
    "lookup_dcookie": ("CAP_SYS_ADMIN", 212, 253, 18),
    "mbind": ("CAP_SYS_NICE", 237, 274, 235),
    "migrate_pages": ("CAP_SYS_NICE", 256, 294, 238),
    "mount": ("CAP_SYS_ADMIN", 165, 21, 40),
    "mount_setattr": ("CAP_SYS_ADMIN", 442, 442, 442),
    "move_mount": ("CAP_SYS_ADMIN", 429, 429, 429),
    "move_pages": ("CAP_SYS_NICE", 279, 317, 239),
    "mpx": ("", None, 56, None),
    "nfsservctl": ("", 180, 169, 42),
    "open_by_handle_at": ("CAP_DAC_READ_SEARCH", 304, 342, 265),
    "open_tree": ("CAP_SYS_ADMIN", 428, 428, 428),
    "open_tree_attr": ("CAP_SYS_ADMIN", 467, 467, 467),
    "perf_event_open": ("CAP_SYS_ADMIN", 298, 336, 241),
    "pidfd_getfd": ("CAP_SYS_PTRACE", 438, 438, 438),
    "pivot_root": ("CAP_SYS_ADMIN", 155, 217, 41),
    "process_madvise": ("CAP_SYS_PTRACE", 440, 440, 440),
    "prof": ("", None, 44, None),
    "profil": ("", None, 98, None),
    "putpmsg": ("", 182, 189, None),
    "query_module": ("CAP_SYS_MODULE", 178, 167, None),
    "quotactl": ("CAP_SYS_ADMIN", 179, 131, 60),
    "quotactl_fd": ("CAP_SYS_ADMIN", 443, 443, 443),
    "reboot": ("CAP_SYS_BOOT", 169, 88, 142),
    "request_key": ("", 249, 287, 218),
    "security": ("", 185, None, None),
    "set_mempolicy": ("CAP_SYS_NICE", 238, 276, 237),
    "set_mempolicy_home_node": ("CAP_SYS_NICE", 450, 450, 450),
    "setdomainname": ("CAP_SYS_ADMIN", 171, 121, 162),
    "sethostname": ("CAP_SYS_ADMIN", 170, 74, 161),
    "setns": ("CAP_SYS_ADMIN", 308, 346, 268),
    "settimeofday": ("CAP_SYS_TIME", 164, 79, 170),
    "stime": ("CAP_SYS_TIME", None, 25, None),
    "stty": ("", None, 31, None),
    "swapoff": ("", 168, 115, 225),
    "swapon": ("", 167, 87, 224),
    "sysfs": ("", 139, 135, None),
    "syslog": ("CAP_SYSLOG", 103, 103, 116),
    "tuxcall": ("", 184, None, None),
    "ulimit": ("", None, 58, None),
    "umount": ("CAP_SYS_ADMIN", None, 22, None),
    "umount2": ("CAP_SYS_ADMIN", 166, 52, 39),
    "unshare": ("CAP_SYS_ADMIN", 272, 310, 97),
    "uselib": ("", 134, 86, None),
    "userfaultfd": ("", 323, 374, 282),
    "ustat": ("", 136, 62, None),
    "vhangup": ("CAP_SYS_TTY_CONFIG", 153, 111, 58),
    "vm86": ("", None, 166, None),
    "vm86old": ("", None, 113, None),
    "vserver": ("", 236, 273, None),
}
CLONE = (56, 120, 220)
CLONE3 = (435, 435, 435)
IOCTL = (16, 54, 29)
PERSONALITY = (135, 136, 92)
SOCKET = (41, 359, 198)
SOCKETPAIR = (53, 360, 199)
SOCKETCALL = 102
"""Of i386 only."""

GAPS = (
    ((337, 423),),
    ((222, 223), (251, 251), (285, 285), (387, 392), (415, 415)),
    ((245, 259), (295, 423)),
)
"""Numbers, first to last, that mean nothing on each architecture yet."""
