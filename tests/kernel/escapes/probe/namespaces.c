/* New namespaces, those of others, and what they tell of what they lie in. */
#include "probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define OWNER _IO(0xb7, 1)
#define PARENT _IO(0xb7, 2)
#define NEXT _IOR(0xb7, 11, struct mount_namespace)

struct mount_namespace {
    uint32_t size, mounts;
    uint64_t id;
};

static int through_clone3(void)
{
    struct clone_args how = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};

    return got(syscall(SYS_clone3, &how, sizeof how));
}

static int user_then_mount(void)
{
    if (unshare(CLONE_NEWUSER) < 0)
        return errno;
    return got(unshare(CLONE_NEWNS | CLONE_NEWCGROUP));
}

static int of(const char *name) { return open(name, O_RDONLY | O_CLOEXEC); }
static int again_net(void) { return got(setns(of("/proc/1/ns/net"), CLONE_NEWNET)); }
static int again_ipc(void) { return got(setns(of("/proc/1/ns/ipc"), CLONE_NEWIPC)); }
static int again_mount(void) { return got(setns(of("/proc/1/ns/mnt"), CLONE_NEWNS)); }
static int again_cgroup(void) { return got(setns(of("/proc/1/ns/cgroup"), CLONE_NEWCGROUP)); }
static int owner(void) { return got(ioctl(of("/proc/self/ns/mnt"), OWNER)); }
static int owner_of_cgroup(void) { return got(ioctl(of("/proc/self/ns/cgroup"), OWNER)); }
static int parent(void) { return got(ioctl(of("/proc/self/ns/pid"), PARENT)); }
static int parent_user(void) { return got(ioctl(of("/proc/self/ns/user"), PARENT)); }

static int next(void)
{
    struct mount_namespace told = {.size = sizeof told};

    return got(ioctl(of("/proc/self/ns/mnt"), NEXT, &told));
}

static int processes_of_others(void)
{
    char path[300], exe[8];
    int others = 0;
    DIR *processes = opendir("/proc");

    if (!processes)
        return errno;
    for (struct dirent *entry; (entry = readdir(processes));) {
        int pid = atoi(entry->d_name);

        if (pid <= 1 || pid == getpid() || pid == getppid())
            continue;
        snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
        others += readlink(path, exe, sizeof exe) > 0 || errno == EACCES;
    }
    closedir(processes);
    return found(others);
}

const struct act namespace_acts[] = {
    CALL("unshare: user", 0, SYS_unshare, CLONE_NEWUSER),
    CALL("unshare: mount", 0, SYS_unshare, CLONE_NEWNS),
    CALL("unshare: pid", 0, SYS_unshare, CLONE_NEWPID),
    CALL("unshare: network", 0, SYS_unshare, CLONE_NEWNET),
    CALL("unshare: ipc", 0, SYS_unshare, CLONE_NEWIPC),
    CALL("unshare: uts", 0, SYS_unshare, CLONE_NEWUTS),
    CALL("unshare: cgroup", 0, SYS_unshare, CLONE_NEWCGROUP),
    CALL("unshare: time", 0, SYS_unshare, CLONE_NEWTIME),
    DO("unshare: user, then mount and cgroup", user_then_mount),
    CALL("clone: user", 0, SYS_clone, CLONE_NEWUSER | SIGCHLD),
    CALL("clone: network", 0, SYS_clone, CLONE_NEWNET | SIGCHLD),
    DO("clone3: user", through_clone3),
    DO("setns: network", again_net),
    DO("setns: ipc", again_ipc),
    DO("setns: mount", again_mount),
    DO("setns: cgroup", again_cgroup),
    DO("owner of its mount namespace", owner),
    DO("owner of its cgroup namespace", owner_of_cgroup),
    DO("namespace around its processes", parent),
    DO("namespace around its users", parent_user),
    DO("another mount namespace of the machine", next),
    DO("processes of others", processes_of_others),
    END,
};
