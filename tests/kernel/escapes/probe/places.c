/* Ways out by what a process already has: descriptors, links, directories, roots. */
#include "probe.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 1024
#define DEEP 64
#define OTHER_USER 70000 /* beyond the 65,536 ids of a container */

static struct stat root;

/* OPEN where `path` is another root directory than the one that processes here have. */
static int leads_elsewhere(const char *path)
{
    struct stat there;

    if (stat(path, &there) < 0)
        return errno;
    return found(there.st_dev != root.st_dev || there.st_ino != root.st_ino);
}

static int inherited(void)
{
    int descriptors = 0;

    for (int number = STDERR_FILENO + 1; number < MOST_DESCRIPTORS; number++)
        descriptors += fcntl(number, F_GETFD) >= 0;
    return found(descriptors);
}

static int working_directory(void)
{
    char path[PATH_MAX];

    /* The kernel says "(unreachable)" of one that lies outside of the root. */
    return syscall(SYS_getcwd, path, sizeof path) < 0 ? errno : found(path[0] != '/');
}

static int above_the_root(void)
{
    return stat("/", &root) < 0 ? errno : leads_elsewhere("/../../..");
}

static int root_of_the_first(void)
{
    return stat("/", &root) < 0 ? errno : leads_elsewhere("/proc/1/root/..");
}

static int chroot_and_climb(void)
{
    if (stat("/", &root) < 0)
        return errno;
    mkdir("/tmp/probe-root", 0700);
    if (chroot("/tmp/probe-root") < 0)
        return errno;
    for (int up = 0; up < DEEP; up++)
        if (chdir("..") < 0)
            return errno;
    return chroot(".") < 0 ? errno : leads_elsewhere("/");
}

static int chroot_by_descriptor(void)
{
    int top = open("/", O_RDONLY | O_DIRECTORY);

    if (stat("/", &root) < 0)
        return errno;
    mkdir("/tmp/probe-root", 0700);
    if (chroot("/tmp/probe-root") < 0 || fchdir(top) < 0)
        return errno;
    for (int up = 0; up < DEEP; up++)
        if (chdir("..") < 0)
            return errno;
    return chroot(".") < 0 ? errno : leads_elsewhere("/");
}

static int link_to_program(void)
{
    int told;

    unlink("/tmp/probe-link");
    told = got(linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, "/tmp/probe-link", 0));
    unlink("/tmp/probe-link");
    return told;
}

static int link_by_descriptor(void)
{
    int told, zero = open("/dev/zero", O_PATH);

    unlink("/tmp/probe-link");
    told = got(linkat(zero, "", AT_FDCWD, "/tmp/probe-link", AT_EMPTY_PATH));
    unlink("/tmp/probe-link");
    return told;
}

static int write_to_program(void) { return got(open("/proc/self/exe", O_WRONLY)); }
static int write_to_the_first(void) { return got(open("/proc/1/exe", O_WRONLY)); }

static int write_through_links(void)
{
    unlink("/tmp/probe-link");
    if (symlink("/proc/self/root/../../proc/sysrq-trigger", "/tmp/probe-link") < 0)
        return errno;
    return got(open("/tmp/probe-link", O_WRONLY));
}

static int attribute(const char *name)
{
    int file = open("/tmp/probe-file", O_WRONLY | O_CREAT, 0600);
    int told = got(fsetxattr(file, name, "y", 1, 0));

    unlink("/tmp/probe-file");
    return told;
}

static int overlay_attribute(void) { return attribute("trusted.overlay.opaque"); }
static int security_attribute(void) { return attribute("security.probe"); }

static int give_away(void)
{
    int told, file = open("/tmp/probe-file", O_WRONLY | O_CREAT, 0600);

    told = got(fchown(file, OTHER_USER, OTHER_USER));
    unlink("/tmp/probe-file");
    return told;
}

const struct act place_acts[] = {
    DO("a descriptor beyond the standard streams", inherited),
    DO("a working directory outside", working_directory),
    DO("above the root", above_the_root),
    DO("root of process 1", root_of_the_first),
    DO("chroot and climb", chroot_and_climb),
    DO("chroot under an open directory", chroot_by_descriptor),
    DO("hard link to /proc/self/exe", link_to_program),
    DO("hard link by descriptor", link_by_descriptor),
    DO("write to /proc/self/exe", write_to_program),
    DO("write to /proc/1/exe", write_to_the_first),
    DO("write to sysrq through a link", write_through_links),
    DO("setxattr: trusted.overlay", overlay_attribute),
    DO("setxattr: security", security_attribute),
    DO("chown to an id of another team", give_away),
    END,
};
