/* Files of procfs, sysfs and the cgroup tree that steer or tell of the machine.
 *
 * What steers is opened for writing and never written: the guards are asked at open(2). What tells
 * is read, for a cover may leave it open and empty.
 */
#include "probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int tells(const char *path)
{
    char byte;
    ssize_t length;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK);

    if (descriptor < 0)
        return errno;
    length = read(descriptor, &byte, 1);
    if (length < 0)
        return errno;
    return found(length == 1);
}

static int lists(const char *path)
{
    int entries = 0;
    DIR *directory = opendir(path);

    if (!directory)
        return errno;
    while (readdir(directory))
        entries++;
    closedir(directory);
    return found(entries > 2);
}

static int kcore(void) { return tells("/proc/kcore"); }
static int interrupts(void) { return tells("/proc/interrupts"); }
static int keys(void) { return tells("/proc/keys"); }
static int timers(void) { return tells("/proc/timer_list"); }
static int latency(void) { return tells("/proc/latency_stats"); }
static int slabs(void) { return tells("/proc/slabinfo"); }
static int allocations(void) { return tells("/proc/vmallocinfo"); }
static int page_types(void) { return tells("/proc/pagetypeinfo"); }
static int page_counts(void) { return tells("/proc/kpagecount"); }
static int acpi(void) { return lists("/proc/acpi"); }
static int scsi(void) { return lists("/proc/scsi"); }
static int sound(void) { return lists("/proc/asound"); }
static int firmware(void) { return lists("/sys/firmware"); }
static int power_caps(void) { return lists("/sys/devices/virtual/powercap"); }
static int throttles(void) { return lists("/sys/devices/system/cpu/cpu0/thermal_throttle"); }
static int debugging(void) { return lists("/sys/kernel/debug"); }
static int tracing(void) { return lists("/sys/kernel/tracing"); }
static int security(void) { return lists("/sys/kernel/security"); }

static int kernel_log(void)
{
    return got(open("/proc/kmsg", O_RDONLY | O_NONBLOCK));
}

/* Where the kernel hides its addresses, all of them read as zero. */
static int kernel_addresses(void)
{
    unsigned long address = 0;
    FILE *symbols = fopen("/proc/kallsyms", "r");

    if (!symbols)
        return errno;
    if (fscanf(symbols, "%lx", &address) != 1)
        address = 0;
    fclose(symbols);
    return found(address != 0);
}

static int physical_memory(void)
{
    unsigned long last = 0;
    FILE *map = fopen("/proc/iomem", "r");

    if (!map)
        return errno;
    if (fscanf(map, "%*x-%lx", &last) != 1)
        last = 0;
    fclose(map);
    return found(last != 0);
}

/* Opens the first file that matches for writing. */
static int opens_one(const char *pattern, int flags)
{
    glob_t matches;
    int told = ENOENT;

    if (glob(pattern, 0, NULL, &matches) != 0)
        return ENOENT;
    for (size_t i = 0; i < matches.gl_pathc && told != OPEN; i++)
        told = got(open(matches.gl_pathv[i], flags));
    globfree(&matches);
    return told;
}

static int of_cgroup(const char *name)
{
    char pattern[256];
    int told;

    snprintf(pattern, sizeof pattern, "/sys/fs/cgroup/*/%s", name);
    told = opens_one(pattern, O_WRONLY);
    if (told != ENOENT)
        return told;
    snprintf(pattern, sizeof pattern, "/sys/fs/cgroup/%s", name);
    return opens_one(pattern, O_WRONLY);
}

static int members(void) { return of_cgroup("cgroup.procs"); }
static int release_agent(void) { return of_cgroup("release_agent"); }
static int notify(void) { return of_cgroup("notify_on_release"); }
static int allow(void) { return of_cgroup("devices.allow"); }
static int most_processes(void) { return of_cgroup("pids.max"); }
static int most_memory(void)
{
    int told = of_cgroup("memory.limit_in_bytes");

    return told == ENOENT ? of_cgroup("memory.max") : told;
}

static int freezer(void)
{
    int told = of_cgroup("freezer.state");

    return told == ENOENT ? of_cgroup("cgroup.freeze") : told;
}

static int made_below(const char *pattern)
{
    glob_t matches;
    int told = ENOENT;
    char path[512];

    if (glob(pattern, GLOB_ONLYDIR, NULL, &matches) != 0)
        return ENOENT;
    for (size_t i = 0; i < matches.gl_pathc && told != OPEN; i++) {
        snprintf(path, sizeof path, "%s/probe", matches.gl_pathv[i]);
        told = got(mkdir(path, 0755));
        rmdir(path);
    }
    globfree(&matches);
    return told;
}

static int group_on_top(void) { return made_below("/sys/fs/cgroup"); }
static int group_in_hierarchy(void) { return made_below("/sys/fs/cgroup/[a-z]*"); }
static int parameters(void) { return opens_one("/sys/module/*/parameters/*", O_WRONLY); }
static int block_queue(void) { return opens_one("/sys/block/*/queue/read_ahead_kb", O_WRONLY); }

static int spared_by_the_oom_killer(void)
{
    int descriptor = open("/proc/self/oom_score_adj", O_WRONLY);

    return descriptor < 0 ? errno : got(write(descriptor, "-1000", 5));
}

static int maps_of_ids(void)
{
    int descriptor = open("/proc/self/uid_map", O_WRONLY);

    return descriptor < 0 ? errno : got(write(descriptor, "0 0 1", 5));
}

const struct act file_acts[] = {
    FILE_OPENED("/proc/sysrq-trigger", O_WRONLY),
    FILE_OPENED("/proc/mtrr", O_WRONLY),
    FILE_OPENED("/proc/irq/default_smp_affinity", O_WRONLY),
    FILE_OPENED("/proc/acpi/wakeup", O_WRONLY),
    FILE_OPENED("/proc/scsi/scsi", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/core_pattern", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/modprobe", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/hotplug", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/sysrq", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/panic", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/pid_max", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/printk", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/kptr_restrict", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/dmesg_restrict", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/ns_last_pid", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/domainname", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/shmmax", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/randomize_va_space", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/perf_event_paranoid", O_WRONLY),
    FILE_OPENED("/proc/sys/kernel/unprivileged_bpf_disabled", O_WRONLY),
    FILE_OPENED("/proc/sys/fs/file-max", O_WRONLY),
    FILE_OPENED("/proc/sys/fs/suid_dumpable", O_WRONLY),
    FILE_OPENED("/proc/sys/fs/protected_symlinks", O_WRONLY),
    FILE_OPENED("/proc/sys/fs/binfmt_misc/register", O_WRONLY),
    FILE_OPENED("/proc/sys/fs/mqueue/msg_max", O_WRONLY),
    FILE_OPENED("/proc/sys/net/ipv4/ip_forward", O_WRONLY),
    FILE_OPENED("/proc/sys/user/max_user_namespaces", O_WRONLY),
    FILE_OPENED("/proc/sys/vm/drop_caches", O_WRONLY),
    FILE_OPENED("/proc/sys/vm/overcommit_memory", O_WRONLY),
    FILE_OPENED("/sys/kernel/uevent_helper", O_WRONLY),
    FILE_OPENED("/sys/kernel/mm/ksm/run", O_WRONLY),
    FILE_OPENED("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY),
    FILE_OPENED("/sys/power/state", O_WRONLY),
    FILE_OPENED("/sys/power/disk", O_WRONLY),
    FILE_OPENED("/sys/bus/pci/rescan", O_WRONLY),
    FILE_OPENED("/sys/devices/system/cpu/cpu1/online", O_WRONLY),
    FILE_OPENED("/sys/kernel/profiling", O_WRONLY),
    FILE_OPENED("/sys/class/net/lo/mtu", O_WRONLY),
    DO("/sys/module/*/parameters", parameters),
    DO("/sys/block/*/queue", block_queue),
    DO("reads /proc/kcore", kcore),
    DO("reads /proc/kmsg", kernel_log),
    DO("reads /proc/interrupts", interrupts),
    DO("reads /proc/keys", keys),
    DO("reads /proc/timer_list", timers),
    DO("reads /proc/latency_stats", latency),
    DO("reads /proc/slabinfo", slabs),
    DO("reads /proc/vmallocinfo", allocations),
    DO("reads /proc/pagetypeinfo", page_types),
    DO("reads /proc/kpagecount", page_counts),
    DO("reads addresses in /proc/kallsyms", kernel_addresses),
    DO("reads addresses in /proc/iomem", physical_memory),
    DO("lists /proc/acpi", acpi),
    DO("lists /proc/scsi", scsi),
    DO("lists /proc/asound", sound),
    DO("lists /sys/firmware", firmware),
    DO("lists /sys/devices/virtual/powercap", power_caps),
    DO("lists thermal_throttle", throttles),
    DO("lists /sys/kernel/debug", debugging),
    DO("lists /sys/kernel/tracing", tracing),
    DO("lists /sys/kernel/security", security),
    DO("cgroup: members", members),
    DO("cgroup: release_agent", release_agent),
    DO("cgroup: notify_on_release", notify),
    DO("cgroup: devices.allow", allow),
    DO("cgroup: pids.max", most_processes),
    DO("cgroup: limit of memory", most_memory),
    DO("cgroup: freezer", freezer),
    DO("cgroup: made on top", group_on_top),
    DO("cgroup: made in a hierarchy", group_in_hierarchy),
    DO("/proc/self/oom_score_adj: -1000", spared_by_the_oom_killer),
    DO("/proc/self/uid_map: the host's root", maps_of_ids),
    END,
};
