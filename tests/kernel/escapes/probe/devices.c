/* Devices of the machine: a node is made, opened for reading and removed. Nothing is read. */
#include "probe.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NODE "/tmp/probe-node"

static int opened(mode_t kind, unsigned int number_major, unsigned int number_minor)
{
    const char *kinds = S_ISBLK(kind) ? "block" : "char";
    char driver[64];
    int told;

    unlink(NODE);
    if (mknod(NODE, kind | 0600, makedev(number_major, number_minor)) < 0)
        return errno;
    snprintf(driver, sizeof driver, "/sys/dev/%s/%u:%u", kinds, number_major, number_minor);
    /* Where no driver is, opening would have the kernel load one. */
    if (access(driver, F_OK) < 0)
        told = ENODEV;
    else
        told = got_to(open(NODE, O_RDONLY | O_NONBLOCK | O_NOCTTY), ENXIO);
    unlink(NODE);
    return told;
}

static int mem(void) { return opened(S_IFCHR, 1, 1); }
static int port(void) { return opened(S_IFCHR, 1, 4); }
static int kmsg(void) { return opened(S_IFCHR, 1, 11); }
static int null(void) { return opened(S_IFCHR, 1, 3); }
static int first_terminal(void) { return opened(S_IFCHR, 4, 1); }
static int console(void) { return opened(S_IFCHR, 5, 1); }
static int mouse(void) { return opened(S_IFCHR, 13, 63); }
static int random_number_generator(void) { return opened(S_IFCHR, 10, 183); }
static int tun(void) { return opened(S_IFCHR, 10, 200); }
static int fuse(void) { return opened(S_IFCHR, 10, 229); }
static int kvm(void) { return opened(S_IFCHR, 10, 232); }
static int loop_control(void) { return opened(S_IFCHR, 10, 237); }
static int vhost_net(void) { return opened(S_IFCHR, 10, 238); }
static int loop(void) { return opened(S_IFBLK, 7, 0); }
static int scsi_disk(void) { return opened(S_IFBLK, 8, 0); }
static int virtual_disk(void) { return opened(S_IFBLK, 254, 0); }
static int nvme_disk(void) { return opened(S_IFBLK, 259, 0); }

/* A terminal pair of its own, whose slave becomes the controlling terminal; -1 where refused. */
static int terminal(void)
{
    int slave, master = open("/dev/ptmx", O_RDWR | O_NOCTTY);

    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return -1;
    slave = ioctl(master, TIOCGPTPEER, O_RDWR);
    if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
        return -1;
    return slave;
}

static int type_into_terminal(void)
{
    int slave = terminal();

    return slave < 0 ? ENOTTY : got(ioctl(slave, TIOCSTI, "x"));
}

static int paste_into_console(void)
{
    static char selection = 99; /* no subcode */

    return got_to(ioctl(STDOUT_FILENO, TIOCLINUX, &selection), ENOTTY);
}

const struct act device_acts[] = {
    DO("device: memory", mem),
    DO("device: ports", port),
    DO("device: log of the kernel", kmsg),
    DO("device: null, made by itself", null),
    DO("device: first terminal", first_terminal),
    DO("device: console", console),
    DO("device: mice", mouse),
    DO("device: random number generator", random_number_generator),
    DO("device: tun", tun),
    DO("device: fuse", fuse),
    DO("device: kvm", kvm),
    DO("device: control of loops", loop_control),
    DO("device: vhost-net", vhost_net),
    DO("device: loop", loop),
    DO("device: SCSI disk", scsi_disk),
    DO("device: virtual disk", virtual_disk),
    DO("device: NVMe disk", nvme_disk),
    DO("ioctl: TIOCSTI", type_into_terminal),
    DO("ioctl: TIOCLINUX", paste_into_console),
    END,
};
