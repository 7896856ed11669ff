/* Mounts, old and new ways: each stays in the caller's mount namespace and is taken off again. */
#include "probe.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLONE_TREE 1L
#define NO_FLAGS 0x8000L
#define OPEN_TREE_ATTR 467L

static int mounted(const char *source, const char *kind, unsigned long flags)
{
    int told = got(mount(source, "/tmp", kind, flags, NULL));

    if (told == OPEN)
        umount2("/tmp", MNT_DETACH);
    return told;
}

static int tmpfs(void) { return mounted("probe", "tmpfs", 0); }
static int proc(void) { return mounted("probe", "proc", 0); }
static int sysfs(void) { return mounted("probe", "sysfs", 0); }
static int devtmpfs(void) { return mounted("probe", "devtmpfs", 0); }
static int devpts(void) { return mounted("probe", "devpts", 0); }
static int debugfs(void) { return mounted("probe", "debugfs", 0); }
static int tracefs(void) { return mounted("probe", "tracefs", 0); }
static int securityfs(void) { return mounted("probe", "securityfs", 0); }
static int bpffs(void) { return mounted("probe", "bpf", 0); }
static int cgroup2(void) { return mounted("probe", "cgroup2", 0); }
static int bind_root(void) { return mounted("/", NULL, MS_BIND | MS_REC); }
static int remount(void) { return got(mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int share(void) { return got(mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL)); }
static int off(void) { return got_to(umount2("/etc", MNT_DETACH), EINVAL); }
static int mask_off(void) { return got(umount2("/proc/keys", MNT_DETACH)); }
static int root(void) { return got_to(syscall(SYS_pivot_root, BAD, BAD), EFAULT); }
static int context(void) { return got(syscall(SYS_fsopen, "tmpfs", 0)); }
static int pick(void) { return got(syscall(SYS_fspick, AT_FDCWD, "/", 0)); }
static int tree(void) { return got(syscall(SYS_open_tree, AT_FDCWD, "/", CLONE_TREE)); }

static int attributes(void)
{
    return got_to(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, BAD, 32), EFAULT);
}

static int tree_with_attributes(void)
{
    return got(syscall(OPEN_TREE_ATTR, AT_FDCWD, "/", CLONE_TREE, NULL, 0));
}

const struct act mount_acts[] = {
    DO("mount: tmpfs", tmpfs),
    DO("mount: proc without its covers", proc),
    DO("mount: sysfs", sysfs),
    DO("mount: devtmpfs", devtmpfs),
    DO("mount: devpts", devpts),
    DO("mount: debugfs", debugfs),
    DO("mount: tracefs", tracefs),
    DO("mount: securityfs", securityfs),
    DO("mount: bpf", bpffs),
    DO("mount: cgroup2", cgroup2),
    DO("mount: bind the root", bind_root),
    DO("mount: /sys writable again", remount),
    DO("mount: share with others", share),
    DO("umount2", off),
    DO("umount2: what covers /proc/keys", mask_off),
    DO("pivot_root", root),
    DO("fsopen", context),
    CALL("fsconfig", EINVAL, SYS_fsconfig, -1, NO_FLAGS),
    CALL("fsmount", EINVAL, SYS_fsmount, -1, NO_FLAGS, 0),
    CALL("move_mount", EINVAL, SYS_move_mount, 0, 0, 0, 0, NO_FLAGS),
    DO("fspick", pick),
    DO("open_tree", tree),
    DO("open_tree_attr", tree_with_attributes),
    DO("mount_setattr", attributes),
    END,
};
