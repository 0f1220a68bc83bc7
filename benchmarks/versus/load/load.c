/* Load a server, and write what was seen as one JSON object to stdout. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { SAMPLES = 120 };

/* ---- steady load --------------------------------------------------------------------------- */

static struct link **tills;
static uint64_t begun;

/* Return how many writes of all tills together should have been sent by now. */
static uint64_t due(void)
{
    if (asked.rate > 0)
        return (uint64_t)((double)(now() - begun) / SECOND * asked.rate);
    return seen.deltas / (uint64_t)asked.screens + (uint64_t)asked.window;
}

static void write_what_is_due(void)
{
    static unsigned next;
    if (asked.tills && (asked.rate > 0 || asked.window)) {
        for (uint64_t wanted = due(); seen.sent < wanted;)
            write_one(tills[next++ % (unsigned)asked.tills]);
    } else {
        for (int i = 0; i < asked.tills; i++)
            while (tills[i]->sent - tills[i]->answered < (uint64_t)asked.flight)
                write_one(tills[i]);
    }
    for (int i = 0; i < asked.tills; i++)
        if (tills[i]->out_size && !tills[i]->waits)
            link_flush(seen.epoll, tills[i]);
}

static void run_until(uint64_t until)
{
    uint64_t heard = 0, moved = now();
    while (now() < until) {
        write_what_is_due();
        turn(asked.rate > 0 ? 1 : 20);
        if (heard != seen.deltas + seen.answers || !asked.tills)
            heard = seen.deltas + seen.answers, moved = now();
        else if (now() - moved > 20 * SECOND)
            fail("nothing has come for 20 s", "");
    }
}

/* Connect everybody. Return the server's memory when the first one was there, in kB. */
static long gather(void)
{
    int all = asked.screens + asked.tills + asked.idlers;
    long resident = 0;
    tills = calloc((size_t)asked.tills + 1, sizeof(struct link *));
    for (int i = 0; i < all; i++) {
        if (i < asked.screens)
            client(SCREEN, i);
        else if (i < asked.screens + asked.tills)
            tills[i - asked.screens] = client(TILL, i - asked.screens);
        else
            client(IDLER, i - asked.screens - asked.tills);
        turn(0);
        if (i == 0) {                /* which opens the store */
            wait_until_ready(1);
            rest(0.3);
            resident = resident_kb(asked.pid);
        }
    }
    wait_until_ready((uint64_t)all);
    return resident;
}

static void load(void)
{
    long resident[SAMPLES] = {gather()};
    int samples = 1;
    begun = now();
    run_until(begun + (uint64_t)(asked.warm * SECOND));
    memset(&seen.waits, 0, sizeof seen.waits);
    uint64_t answered = seen.answers, delivered = seen.deltas, bytes = bytes_read, from = now();
    uint64_t end = from + (uint64_t)(asked.seconds * SECOND);
    double used = cpu_seconds(asked.pid);
    for (uint64_t at = from; at < end && samples < SAMPLES;) {
        at = at + SECOND < end ? at + SECOND : end;
        run_until(at);
        resident[samples++] = resident_kb(asked.pid);
    }
    used = cpu_seconds(asked.pid) - used;
    printf("{\"seconds\":%.4f,\"cpu\":%.6f,\"answers\":%llu,\"deliveries\":%llu,\"bytes\":%llu,"
           "\"connections\":%d,",
           (double)(now() - from) / SECOND, used, (unsigned long long)(seen.answers - answered),
           (unsigned long long)(seen.deltas - delivered), (unsigned long long)(bytes_read - bytes),
           asked.screens + asked.tills + asked.idlers);
    tell_waits("waits", &seen.waits);
    for (int i = 0; i < samples; i++)
        printf("%s%ld", i ? "," : ",\"resident_kb\":[", resident[i]);
    printf("]}\n");
}

/* ---- snapshots ----------------------------------------------------------------------------- */

struct taken {
    double cpu, seconds;
    uint64_t bytes;
};

/* Let *till*, if there is one, write now and then, until *ready* is *wanted* or it is *until*. */
static void watch_until(struct link *till, uint64_t wanted, uint64_t until)
{
    static uint64_t due;
    while (seen.ready < wanted && now() < until) {
        if (till && now() >= due && till->sent == till->answered) {
            write_one(till);
            link_flush(seen.epoll, till);
            due = now() + (uint64_t)(asked.probe * SECOND);
        }
        turn(till ? 0 : 10);
    }
}

/* Take one snapshot, and add to *taken* what that cost. */
static void take_snapshot(struct link *till, struct taken *taken)
{
    struct link *screen = client(IDLER, 0);
    wait_until_ready(seen.ready + 1);
    rest(0.02);                      /* until the server has put its things away */
    screen->role = SCREEN;
    uint64_t bytes = bytes_read, from = now(), wanted = seen.ready + 1;
    double used = cpu_seconds(asked.pid);
    say(screen, asked.subscription);
    link_flush(seen.epoll, screen);
    watch_until(till, wanted, from + 60 * SECOND);
    if (seen.ready < wanted)
        fail("a snapshot takes more than a minute", "");
    taken->seconds += (double)(now() - from) / SECOND;
    rest(0.02);
    taken->cpu += cpu_seconds(asked.pid) - used;
    taken->bytes += bytes_read - bytes;
    link_close(seen.epoll, screen);
}

/* First snapshots with nobody beside; then, with *probe*, a till alone, and one beside snapshots. */
static void take_snapshots(void)
{
    struct taken taken = {0}, others = {0};
    take_snapshot(NULL, &others);    /* which opens the store */
    for (int i = 0; i < asked.snapshots; i++)
        take_snapshot(NULL, &taken);
    printf("{\"seconds\":%.6f,\"cpu\":%.6f,\"snapshots\":%d,\"bytes\":%llu,\"epoch\":\"%s\","
           "\"seq\":%llu",
           taken.seconds, taken.cpu, asked.snapshots, (unsigned long long)taken.bytes, seen.epoch,
           seen.seq);
    if (asked.probe > 0) {
        uint64_t wanted = seen.ready + 1;
        struct link *till = client(TILL, 0);
        wait_until_ready(wanted);
        watch_until(till, UINT64_MAX, now() + SECOND / 2);
        memset(&seen.waits, 0, sizeof seen.waits);
        watch_until(till, UINT64_MAX, now() + SECOND / 2);
        printf(",");
        tell_waits("alone", &seen.waits);
        memset(&seen.waits, 0, sizeof seen.waits);
        for (int i = 0; i < asked.snapshots; i++)
            take_snapshot(till, &others);
        printf(",");
        tell_waits("waits", &seen.waits);
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, 0, 'p'}, {"pid", 1, 0, 'P'}, {"screens", 1, 0, 's'}, {"tills", 1, 0, 't'},
        {"idlers", 1, 0, 'i'}, {"stores", 1, 0, 'b'}, {"busy", 1, 0, 'B'}, {"flight", 1, 0, 'f'},
        {"window", 1, 0, 'w'}, {"rate", 1, 0, 'r'}, {"warm", 1, 0, 'W'}, {"seconds", 1, 0, 'S'},
        {"snapshots", 1, 0, 'n'}, {"probe", 1, 0, 'o'}, {"hello", 1, 0, 'H'},
        {"subscribe", 1, 0, 'U'}, {"write", 1, 0, 'C'}, {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'p': asked.port = atoi(optarg); break;
        case 'P': asked.pid = atoi(optarg); break;
        case 's': asked.screens = atoi(optarg); break;
        case 't': asked.tills = atoi(optarg); break;
        case 'i': asked.idlers = atoi(optarg); break;
        case 'b': asked.stores = atoi(optarg); break;
        case 'B': asked.busy = atoi(optarg); break;
        case 'f': asked.flight = atoi(optarg); break;
        case 'w': asked.window = atoi(optarg); break;
        case 'r': asked.rate = atof(optarg); break;
        case 'W': asked.warm = atof(optarg); break;
        case 'S': asked.seconds = atof(optarg); break;
        case 'n': asked.snapshots = atoi(optarg); break;
        case 'o': asked.probe = atof(optarg); break;
        case 'H': asked.hello = optarg; break;
        case 'U': asked.subscription = optarg; break;
        case 'C': asked.change = optarg; break;
        default: return 2;
        }
    if (!asked.port || !asked.pid || !asked.hello || !asked.subscription || !asked.change)
        fail("--port, --pid, --hello, --subscribe and --write are needed", "");
    if (asked.window && !asked.screens)
        fail("--window counts what screens have: it needs --screens", "");
    begin();
    if (asked.snapshots)
        take_snapshots();
    else
        load();
    return 0;
}
