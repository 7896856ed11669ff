/* Opens as many terminals as the first word says, and prints how many it got. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(int count, char **words)
{
    struct rlimit files;
    int got = 0, wanted = count > 1 ? atoi(words[1]) : 0;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    while (got < wanted && open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0)
        got++;
    printf("%d\n", got);
    return 0;
}
