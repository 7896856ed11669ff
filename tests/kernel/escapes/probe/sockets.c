/* Sockets that reach the machine's packets, its neighbours or seldom used code of the kernel.
 *
 * Families that the kernel may load modules for are asked for with a type that there is not: that is
 * looked at (EINVAL) after the filter, and before anything is loaded.
 */
#include "probe.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NO_TYPE 15L
#define FAMILY(name, number) CALL("socket: " name, EINVAL, SYS_socket, number, NO_TYPE, 0)
#define REAL(name, number, type, protocol) \
    CALL("socket: " name, 0, SYS_socket, number, type, protocol)
#define NETLINK(name, protocol) REAL("netlink " name, AF_NETLINK, SOCK_RAW, protocol)

static int option(int level, int name, int value)
{
    int plain = socket(AF_INET, SOCK_DGRAM, 0);

    return got(setsockopt(plain, level, name, &value, sizeof value));
}

static int mark(void) { return option(SOL_SOCKET, SO_MARK, 1); }
static int force(void) { return option(SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26); }
static int transparent(void) { return option(SOL_IP, IP_TRANSPARENT, 1); }
static int debug(void) { return option(SOL_SOCKET, SO_DEBUG, 1); }

/* Sets the flags of loopback to what they are. */
static int configure(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int plain = socket(AF_INET, SOCK_DGRAM, 0);

    if (ioctl(plain, SIOCGIFFLAGS, &request) < 0)
        return errno;
    return got(ioctl(plain, SIOCSIFFLAGS, &request));
}

/* An abstract name belongs to a network namespace: of the machine's none is to be seen. */
static int abstract_name(void)
{
    char line[512];
    int names = 0;
    FILE *sockets = fopen("/proc/net/unix", "r");

    if (!sockets)
        return errno;
    while (fgets(line, sizeof line, sockets))
        names += strchr(line, '@') != NULL;
    fclose(sockets);
    return found(names);
}

static int pair_of_tipc(void)
{
    int pair[2];

    return got_to(socketpair(AF_TIPC, NO_TYPE, 0, pair), EINVAL);
}

const struct act socket_acts[] = {
    REAL("packets, raw", AF_PACKET, SOCK_RAW, 0),
    REAL("packets, cooked", AF_PACKET, SOCK_DGRAM, 0),
    REAL("raw ICMP", AF_INET, SOCK_RAW, IPPROTO_ICMP),
    REAL("raw IP", AF_INET, SOCK_RAW, IPPROTO_RAW),
    REAL("raw TCP", AF_INET, SOCK_RAW, IPPROTO_TCP),
    REAL("raw ICMPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
    REAL("raw IPv6", AF_INET6, SOCK_RAW, IPPROTO_RAW),
    FAMILY("alg", AF_ALG),
    FAMILY("vsock", AF_VSOCK),
    FAMILY("key", AF_KEY),
    FAMILY("xdp", AF_XDP),
    FAMILY("tipc", AF_TIPC),
    FAMILY("rds", AF_RDS),
    FAMILY("can", AF_CAN),
    FAMILY("bluetooth", AF_BLUETOOTH),
    FAMILY("rxrpc", AF_RXRPC),
    FAMILY("kcm", AF_KCM),
    FAMILY("qipcrtr", AF_QIPCRTR),
    FAMILY("smc", AF_SMC),
    FAMILY("x25", AF_X25),
    FAMILY("appletalk", AF_APPLETALK),
    FAMILY("llc", AF_LLC),
    FAMILY("phonet", AF_PHONET),
    FAMILY("nfc", AF_NFC),
    FAMILY("pppox", AF_PPPOX),
    DO("socketpair: tipc", pair_of_tipc),
    NETLINK("netfilter", NETLINK_NETFILTER),
    NETLINK("xfrm", NETLINK_XFRM),
    NETLINK("audit", NETLINK_AUDIT),
    NETLINK("connector", NETLINK_CONNECTOR),
    NETLINK("crypto", NETLINK_CRYPTO),
    NETLINK("rdma", NETLINK_RDMA),
    NETLINK("scsi", NETLINK_SCSITRANSPORT),
    DO("setsockopt: SO_MARK", mark),
    DO("setsockopt: SO_RCVBUFFORCE", force),
    DO("setsockopt: IP_TRANSPARENT", transparent),
    DO("setsockopt: SO_DEBUG", debug),
    DO("ioctl: set up a network interface", configure),
    DO("sees an abstract socket", abstract_name),
    END,
};
