/* Watches every process that enters the container, until /stop is there.
 *
 * Says once what it could do to whom: `exe`, `read`, `write`, `seize`, and the program of the process.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static char told[MOST][PATH_MAX + 8];
static int tales;

static void tell(const char *deed, const char *program)
{
    char line[PATH_MAX + 8];

    snprintf(line, sizeof line, "%s %s", deed, program);
    for (int i = 0; i < tales; i++)
        if (strcmp(told[i], line) == 0)
            return;
    if (tales < MOST)
        strcpy(told[tales++], line);
    dprintf(STDOUT_FILENO, "%s\n", line);
}

static void look(const char *pid, const char *name, int flags, const char *deed)
{
    char path[PATH_MAX], program[PATH_MAX];
    int descriptor;
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    descriptor = open(path, flags | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return;
    /* What was opened, not what the name leads to by now. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    length = readlink(path, program, sizeof program - 1);
    program[length < 0 ? 0 : length] = 0;
    tell(deed, program);
    close(descriptor);
}

/* By a child, for whoever traces lets go when it ends; it must not wait for anybody meanwhile. */
static void seize(const char *pid)
{
    char path[64], program[PATH_MAX];
    ssize_t length;
    pid_t child;
    int told_by[2];

    if (pipe(told_by) < 0)
        return;
    child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) < 0)
            _exit(1);
        snprintf(path, sizeof path, "/proc/%s/exe", pid);
        length = readlink(path, program, sizeof program);
        _exit(write(told_by[1], program, length < 0 ? 0 : length) != length);
    }
    close(told_by[1]);
    length = read(told_by[0], program, sizeof program - 1);
    close(told_by[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (length > 0) {
        program[length] = 0;
        tell("seize", program);
    }
}

static void watch(const char *pid)
{
    look(pid, "exe", O_RDONLY, "exe");
    look(pid, "exe", O_WRONLY, "write");
    look(pid, "cwd", O_RDONLY | O_DIRECTORY, "cwd");
    look(pid, "root", O_RDONLY | O_DIRECTORY, "root");
    look(pid, "fd/3", O_RDONLY, "descriptor");
    look(pid, "fd/4", O_RDONLY, "descriptor");
    seize(pid);
}

int main(void)
{
    while (access("/stop", F_OK) < 0) {
        DIR *processes = opendir("/proc");

        if (!processes)
            return 1;
        for (struct dirent *entry; (entry = readdir(processes));)
            if (atoi(entry->d_name) > 1)
                watch(entry->d_name);
        closedir(processes);
    }
    return 0;
}
