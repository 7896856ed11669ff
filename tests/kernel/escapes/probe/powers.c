/* Privileges: capabilities, users and names of the machine. */
#include "probe.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OTHER_USER 70000

static int may_gain(void) { return found(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0); }
static int filtered(void) { return found(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0); }

/* OPEN where the set may still hold the capability. */
static int bounded(int capability)
{
    return found(prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1);
}

static int bounded_admin(void) { return bounded(CAP_SYS_ADMIN); }
static int bounded_module(void) { return bounded(CAP_SYS_MODULE); }
static int bounded_rawio(void) { return bounded(CAP_SYS_RAWIO); }
static int bounded_ptrace(void) { return bounded(CAP_SYS_PTRACE); }
static int bounded_net_admin(void) { return bounded(CAP_NET_ADMIN); }
static int bounded_mknod(void) { return bounded(CAP_MKNOD); }
static int bounded_search(void) { return bounded(CAP_DAC_READ_SEARCH); }
static int bounded_bpf(void) { return bounded(CAP_BPF); }

static int raised(int capability)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];

    if (syscall(SYS_capget, &head, sets) < 0)
        return errno;
    sets[0].permitted |= 1U << capability;
    sets[0].effective |= 1U << capability;
    return got(syscall(SYS_capset, &head, sets));
}

static int raise_admin(void) { return raised(CAP_SYS_ADMIN); }
static int raise_raw(void) { return raised(CAP_NET_RAW); }

static int inherit_admin(void)
{
    return got(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0));
}

static int hostname(void) { return got(sethostname("probe", 5)); }
static int domainname(void) { return got(setdomainname("probe", 5)); }
static int other_user(void) { return got(setresuid(OTHER_USER, OTHER_USER, OTHER_USER)); }
static int other_group(void) { return got(setresgid(OTHER_USER, OTHER_USER, OTHER_USER)); }

const struct act power_acts[] = {
    DO("new privileges by execve", may_gain),
    DO("no filter of system calls", filtered),
    DO("bounding set: CAP_SYS_ADMIN", bounded_admin),
    DO("bounding set: CAP_SYS_MODULE", bounded_module),
    DO("bounding set: CAP_SYS_RAWIO", bounded_rawio),
    DO("bounding set: CAP_SYS_PTRACE", bounded_ptrace),
    DO("bounding set: CAP_NET_ADMIN", bounded_net_admin),
    DO("bounding set: CAP_MKNOD", bounded_mknod),
    DO("bounding set: CAP_DAC_READ_SEARCH", bounded_search),
    DO("bounding set: CAP_BPF", bounded_bpf),
    DO("capset: CAP_SYS_ADMIN", raise_admin),
    DO("capset: CAP_NET_RAW", raise_raw),
    DO("ambient set: CAP_SETUID", inherit_admin),
    DO("sethostname", hostname),
    DO("setdomainname", domainname),
    DO("setresuid: an id of another team", other_user),
    DO("setresgid: an id of another team", other_group),
    END,
};
