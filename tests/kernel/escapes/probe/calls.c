/* System calls that load code into the kernel, watch it, or change the whole machine. */
#include "probe.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <stdint.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#define NO_FLAGS 0x8000L /* bits that no version knows */
#define REALTIME 0L
#define BOOTTIME_ALARM 9L
#define MOVE_ALL 4L
#define PRE_CONTENT 8L
#define UNKNOWN_COMPARISON 99L
#define GET_INFO (0x800005L << 8)
#define IO_REALTIME (1L << 13)
#define FIFO 1L

static int bpf_map(void)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

    return got(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

static int bpf_program(void)
{
    static const struct bpf_insn nothing[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                           .insns = (uintptr_t)nothing,
                           .insn_cnt = 2,
                           .license = (uintptr_t) "none"};

    return got(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr));
}

static int watch_every_process(void)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};

    return got(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

static int watch_the_kernel(void)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};

    return got(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int ring(void)
{
    struct io_uring_params params = {0};

    return got(syscall(SYS_io_uring_setup, 1, &params));
}

static int key(void)
{
    return got(syscall(SYS_add_key, "user", "probe", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int request(void)
{
    return got_to(syscall(SYS_request_key, "user", "probe-none", NULL, 0), ENOKEY);
}

static int zone(void)
{
    struct timezone far = {.tz_minuteswest = 10000};

    return got_to(syscall(SYS_settimeofday, NULL, &far), EINVAL);
}

static int tick(void)
{
    struct timex none = {.modes = ADJ_TICK, .tick = 0};

    return got_to(syscall(SYS_adjtimex, &none), EINVAL);
}

static int tick_by_clock(void)
{
    struct timex none = {.modes = ADJ_TICK, .tick = 0};

    return got_to(syscall(SYS_clock_adjtime, REALTIME, &none), EINVAL);
}

static int limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return errno;
    limit.rlim_max += 1;
    return got(setrlimit(RLIMIT_NOFILE, &limit));
}

static int scheduler(void)
{
    static const int priority = 1;

    return got(syscall(SYS_sched_setscheduler, 0, FIFO, &priority));
}

static int trace_itself(void) { return got(ptrace(PTRACE_TRACEME, 0, NULL, NULL)); }

static int take_descriptor(void)
{
    int parent = (int)syscall(SYS_pidfd_open, getppid(), 0);

    return parent < 0 ? errno : got(syscall(SYS_pidfd_getfd, parent, 1, 0));
}

static int handle(void)
{
    static struct {
        struct file_handle head;
        unsigned char body[128];
    } root;
    int mount, top = open("/", O_RDONLY | O_DIRECTORY);

    root.head.handle_bytes = sizeof root.body;
    if (name_to_handle_at(AT_FDCWD, "/", &root.head, &mount, 0) < 0) {
        root.head.handle_bytes = 8; /* the root of most filesystems: inode 2 */
        root.head.handle_type = 1;
        root.body[0] = 2;
    }
    return got_to(open_by_handle_at(top, &root.head, O_RDONLY), ESTALE);
}

const struct act call_acts[] = {
    CALL("init_module", ENOEXEC, SYS_init_module, BAD, 0, BAD),
    CALL("finit_module", EINVAL, SYS_finit_module, -1, BAD, NO_FLAGS),
    CALL("delete_module", EFAULT, SYS_delete_module, BAD, 0),
    CALL("kexec_load", EINVAL, SYS_kexec_load, 0, 0, BAD, NO_FLAGS),
    CALL("kexec_file_load", EINVAL, SYS_kexec_file_load, -1, -1, 0, BAD, NO_FLAGS),
    DO("bpf: make a map", bpf_map),
    DO("bpf: load a program", bpf_program),
    DO("perf_event_open: every process of a CPU", watch_every_process),
    DO("perf_event_open: the kernel under itself", watch_the_kernel),
    CALL("fanotify_init", 0, SYS_fanotify_init, PRE_CONTENT, 0),
    CALL("userfaultfd", 0, SYS_userfaultfd, 0),
    DO("io_uring_setup", ring),
    CALL("io_uring_enter", EBADF, SYS_io_uring_enter, -2),
    CALL("io_uring_register", EBADF, SYS_io_uring_register, -2, 1),
    CALL("keyctl", 0, SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1),
    DO("add_key", key),
    DO("request_key", request),
    CALL("reboot", EINVAL, SYS_reboot, 0, 0, 0),
    CALL("reboot: keys", EINVAL, SYS_reboot, LINUX_REBOOT_MAGIC1, 0, 0),
    CALL("swapon", EFAULT, SYS_swapon, BAD, 0),
    CALL("swapoff", EFAULT, SYS_swapoff, BAD),
    CALL("acct", EFAULT, SYS_acct, BAD),
    CALL("quotactl", ENODEV, SYS_quotactl, GET_INFO, 0),
    CALL("quotactl_fd", EBADF, SYS_quotactl_fd, -1, GET_INFO),
    CALL("syslog: size of the log", 0, SYS_syslog, 10, 0, 0),
    CALL("syslog: level of the console", EINVAL, SYS_syslog, 8, 0, 0),
    CALL("clock_settime", EFAULT, SYS_clock_settime, REALTIME, BAD),
    DO("settimeofday: time zone", zone),
    DO("adjtimex", tick),
    DO("clock_adjtime", tick_by_clock),
    CALL("timerfd_create: wake the machine", 0, SYS_timerfd_create, BOOTTIME_ALARM, 0),
    CALL("iopl", 0, SYS_iopl, 3),
    CALL("ioperm", 0, SYS_ioperm, 0x80, 1, 1),
    CALL("vhangup", 0, SYS_vhangup),
    CALL("sysfs", 0, SYS_sysfs, 3),
    CALL("ustat", EINVAL, SYS_ustat, 0, BAD),
    CALL("kcmp", EINVAL, SYS_kcmp, 1, 1, UNKNOWN_COMPARISON),
    CALL("process_madvise", EBADF, SYS_process_madvise, -1, BAD, 0, 0, 0),
    CALL("move_pages: those of others too", 0, SYS_move_pages, 0, 0, 0, 0, MOVE_ALL),
    CALL("set_mempolicy", 0, SYS_set_mempolicy, 0, 0, 0),
    CALL("personality: executable data", 0, SYS_personality, READ_IMPLIES_EXEC),
    CALL("setpriority", 0, SYS_setpriority, PRIO_PROCESS, 0, -20),
    CALL("ioprio_set: real time", 0, SYS_ioprio_set, 1, 0, IO_REALTIME),
    DO("sched_setscheduler: real time", scheduler),
    DO("setrlimit: beyond the hard limit", limit),
    DO("ptrace: its own process", trace_itself),
    DO("pidfd_getfd", take_descriptor),
    DO("open_by_handle_at", handle),
    END,
};
