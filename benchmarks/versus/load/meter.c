/* What is measured: time, how durations spread, and what another process has used. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "load.h"

uint64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

void spread_add(struct spread *spread, uint64_t duration)
{
    int octave = duration < STEPS ? 0 : 58 - __builtin_clzll(duration);
    if (octave >= OCTAVES - 1)
        octave = OCTAVES - 2;
    /* Within an octave above the first, values are STEPS..2*STEPS-1 once shifted. */
    size_t step = octave ? (size_t)octave * STEPS + (duration >> (octave - 1)) - STEPS : duration;
    if (step >= STEPS * OCTAVES)
        step = STEPS * OCTAVES - 1;
    spread->steps[step]++;
    spread->count++;
    if (duration > spread->longest)
        spread->longest = duration;
}

static double in_ms(const struct spread *spread, double quantile)
{
    uint64_t wanted = (uint64_t)(quantile * (double)spread->count), seen = 0;
    for (size_t step = 0; step < STEPS * OCTAVES; step++) {
        seen += spread->steps[step];
        if (seen > wanted) {
            size_t octave = step / STEPS;
            uint64_t value = octave ? (uint64_t)(step % STEPS + STEPS) << (octave - 1) : step;
            return (double)value / 1e6;
        }
    }
    return (double)spread->longest / 1e6;
}

void tell_waits(const char *name, const struct spread *spread)
{
    printf("\"%s\":{\"p50\":%.4f,\"p99\":%.4f,\"longest\":%.4f}", name, in_ms(spread, 0.5),
           in_ms(spread, 0.99), (double)spread->longest / 1e6);
}

double cpu_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
        fail("the server has no clock of its own: has it ended?", "");
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

long resident_kb(pid_t pid)
{
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        fail("the server's memory can't be read", path);
    while (kb < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, "VmRSS:", 6))
            sscanf(line + 6, "%ld", &kb);
    fclose(file);
    return kb;
}
