/* The same calls by the other doors of the processor: i386 by int 0x80, and x32.
 *
 * Numbers are those of asm/unistd_32.h and asm/unistd_x32.h. The program is linked so that its data
 * lies below 4 GiB, where i386 can name it.
 */
#include "probe.h"

#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define NO_FLAGS 0x8000L
#define NO_TYPE 15L /* of sockets: looked at behind the family, before any module is loaded */
#define SOCKET_OF_SOCKETCALL 1L
#define TIOCSTI_NUMBER 0x5412L

static const char tmp[] = "/tmp", etc[] = "/etc", kind[] = "tmpfs", name[] = "probe";
static const int vsock_of_no_type[] = {AF_VSOCK, NO_TYPE, 0};
static const int far_zone[] = {10000, 0};
static unsigned int ring[32];

#define AT(address) ((long)(address))

const struct act door_acts[] = {
    CALL_INT80("mount", 0, 21, AT(kind), AT(tmp), AT(kind), 0, 0),
    CALL_INT80("umount", EINVAL, 22, AT(etc)),
    CALL_INT80("umount2", EINVAL, 52, AT(etc), MNT_DETACH),
    CALL_INT80("pivot_root", EFAULT, 217, BAD, BAD),
    CALL_INT80("unshare: user", 0, 310, CLONE_NEWUSER),
    CALL_INT80("unshare: mount", 0, 310, CLONE_NEWNS),
    CALL_INT80("clone: user", 0, 120, CLONE_NEWUSER | SIGCHLD),
    CALL_INT80("setns", EBADF, 346, -1, 0),
    CALL_INT80("fsopen", 0, 430, AT(kind), 0),
    CALL_INT80("open_tree", 0, 428, -100, AT(tmp), 1),
    CALL_INT80("mount_setattr", EFAULT, 442, -100, AT(tmp), 0, BAD, 32),
    CALL_INT80("move_mount", EINVAL, 429, 0, 0, 0, 0, NO_FLAGS),
    CALL_INT80("keyctl", 0, 288, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1),
    CALL_INT80("io_uring_setup", 0, 425, 1, AT(ring)),
    CALL_INT80("bpf", EINVAL, 357, 9999, BAD, 0),
    CALL_INT80("perf_event_open", EFAULT, 336, BAD, 0, -1, -1, 0),
    CALL_INT80("userfaultfd", 0, 374, 0),
    CALL_INT80("init_module", ENOEXEC, 128, BAD, 0, BAD),
    CALL_INT80("finit_module", EINVAL, 350, -1, BAD, NO_FLAGS),
    CALL_INT80("delete_module", EFAULT, 129, BAD, 0),
    CALL_INT80("kexec_load", EINVAL, 283, 0, 0, BAD, NO_FLAGS),
    CALL_INT80("reboot", EINVAL, 88, 0, 0, 0),
    CALL_INT80("swapon", EFAULT, 87, BAD, 0),
    CALL_INT80("acct", EFAULT, 51, BAD),
    CALL_INT80("syslog", 0, 103, 10, 0, 0),
    CALL_INT80("stime", EFAULT, 25, BAD),
    CALL_INT80("settimeofday", EINVAL, 79, 0, AT(far_zone)),
    CALL_INT80("iopl", 0, 110, 3),
    CALL_INT80("ioperm", 0, 101, 0x80, 1, 1),
    CALL_INT80("sethostname", 0, 74, AT(name), 5),
    CALL_INT80("open_by_handle_at", EFAULT, 342, -100, BAD, 0),
    CALL_INT80("personality: executable data", 0, 136, READ_IMPLIES_EXEC),
    CALL_INT80("socket: vsock", EINVAL, 359, AF_VSOCK, NO_TYPE, 0),
    CALL_INT80("socket: alg", EINVAL, 359, AF_ALG, NO_TYPE, 0),
    CALL_INT80("socketcall: vsock", EINVAL, 102, SOCKET_OF_SOCKETCALL, AT(vsock_of_no_type)),
    CALL_INT80("ioctl: TIOCSTI", EBADF, 54, -1, TIOCSTI_NUMBER, BAD),
    CALL_X32("getpid", 0, SYS_getpid),
    CALL_X32("unshare: user", 0, SYS_unshare, CLONE_NEWUSER),
    CALL_X32("mount", EFAULT, SYS_mount, BAD, BAD, BAD, 0, 0),
    CALL_X32("keyctl", 0, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1),
    CALL_X32("io_uring_setup", 0, SYS_io_uring_setup, 1, AT(ring)),
    CALL_X32("bpf", EINVAL, SYS_bpf, 9999, BAD, 0),
    CALL_X32("userfaultfd", 0, SYS_userfaultfd, 0),
    CALL_X32("socket: vsock", EINVAL, SYS_socket, AF_VSOCK, NO_TYPE, 0),
    END,
};
