/* What the acts of the probe share.
 *
 * An act tries one thing that a container must not do. It is open if the thing was done, or if the
 * kernel answered what it answers only to those whom it would let do it: a wrong pointer, flag or
 * number that is looked at behind the guard. So nothing happens to a machine on which it is open.
 */
#ifndef PROBE_H
#define PROBE_H

#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>

#define OPEN 0
#define BAD 1L /* no address: reading it is EFAULT */

enum door { SYSCALL, INT80, X32 };

struct act {
    const char *name;
    /* A function that returns OPEN or an errno; else */
    int (*attempt)(void);
    /* a file that is opened with these flags, and nothing more; else */
    const char *path;
    int flags;
    /* one system call, by its number behind that door. `told` is open besides success. */
    enum door door;
    long number;
    long arguments[5];
    int told;
};

#define DO(what, function) {.name = what, .attempt = function}
#define FILE_OPENED(where, how) {.name = where, .path = where, .flags = how}
#define CALL(what, answer, call, ...) \
    {.name = what, .told = answer, .number = call, .arguments = {__VA_ARGS__}}
#define CALL_INT80(what, answer, call, ...)                                                  \
    {.name = what " by int 0x80", .told = answer, .door = INT80, .number = call, \
     .arguments = {__VA_ARGS__}}
#define CALL_X32(what, answer, call, ...)                                              \
    {.name = what " as x32", .told = answer, .door = X32, .number = call, \
     .arguments = {__VA_ARGS__}}
#define END {.name = NULL}

/* OPEN for a result that is no failure, else errno. */
int got(long result);
/* OPEN for success and for the error `told`, else errno. */
int got_to(long result, int told);
/* OPEN where something was found, else ENOENT. */
int found(int something);

extern const struct act call_acts[], door_acts[], device_acts[], file_acts[], mount_acts[],
    namespace_acts[], place_acts[], power_acts[], socket_acts[];

#endif
