/* Writes down when it ran: `stamp FILE` at once, `stamp FILE MS` after that many milliseconds.
 *
 * The time is CLOCK_MONOTONIC in nanoseconds, as Python's time.monotonic_ns(), taken as the first
 * thing in main(), or as the last before the write and the exit. The file appears by its name only
 * once it is whole. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

int main(int argc, char **argv)
{
    long long at = now();
    char text[32], draft[4096];
    int file, length;

    if (argc < 2)
        return 2;
    snprintf(draft, sizeof draft, "%s.draft", argv[1]);
    file = open(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0)
        return 1;
    if (argc > 2) {
        usleep(1000 * atoi(argv[2]));
        rename(draft, argv[1]);
        at = now();
    }
    length = snprintf(text, sizeof text, "%lld", at);
    if (write(file, text, length) != length)
        return 1;
    if (argc == 2)
        rename(draft, argv[1]);
    _exit(0);
}
