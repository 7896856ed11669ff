/* Tries every act in a child of its own; a line for each: `open` or what refused it, tab, name. */
#include "probe.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 5
#define X32_BIT 0x40000000L

static const struct act *const all[] = {call_acts,      door_acts,  device_acts, file_acts,
                                        mount_acts,     place_acts, power_acts,  socket_acts,
                                        namespace_acts, NULL};

int got(long result) { return result < 0 ? errno : OPEN; }

int got_to(long result, int told) { return result < 0 && errno != told ? errno : OPEN; }

int found(int something) { return something ? OPEN : ENOENT; }

/* 64-bit code may use int 0x80 too, and speaks i386 then: numbers, and addresses of 32 bits. */
static long by_int80(long number, const long *arguments)
{
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(arguments[0]), "c"(arguments[1]), "d"(arguments[2]),
                       "S"(arguments[3]), "D"(arguments[4])
                     : "memory", "cc", "r8", "r9", "r10", "r11");
    if ((int)result < 0 && (int)result > -4096) {
        errno = -(int)result;
        return -1;
    }
    return (int)result;
}

static long call(const struct act *act)
{
    const long *given = act->arguments;
    long number = act->door == X32 ? act->number | X32_BIT : act->number;

    if (act->door == INT80)
        return by_int80(number, given);
    return syscall(number, given[0], given[1], given[2], given[3], given[4]);
}

static int attempt(const struct act *act)
{
    if (act->attempt)
        return act->attempt();
    if (act->path)
        return got(open(act->path, act->flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    return got_to(call(act), act->told);
}

static void tell(const char *name, int status)
{
    const char *verdict = "open";

    if (WIFSIGNALED(status))
        verdict = sigabbrev_np(WTERMSIG(status));
    else if (WEXITSTATUS(status) != OPEN)
        verdict = strerrorname_np(WEXITSTATUS(status));
    dprintf(STDOUT_FILENO, "%s\t%s\n", verdict ? verdict : "unknown", name);
}

static int try(const struct act *act)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        setsid();
        alarm(SECONDS);
        _exit(attempt(act));
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    tell(act->name, status);
    return 0;
}

int main(void)
{
    for (const struct act *const *acts = all; *acts; acts++)
        for (const struct act *act = *acts; act->name; act++)
            if (try(act) < 0) {
                perror(act->name);
                return 1;
            }
    return 0;
}
