/* Clients that load a server, and what they saw, as one JSON object on stdout.
 *
 * Messages are given as templates: {n} the number of a client's write, {m} the same modulo 1,000,
 * {i} the client's number, {b} its store's.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"

enum { EVENTS = 1024, SAMPLES = 120 };
#define SECOND 1000000000u

/* ---- what is asked for --------------------------------------------------------------------- */

static int port, screens, tills, idlers, snapshots;
static int stores = 1, busy = 1;     /* over how many stores screens, and tills, are spread */
static int flight = 1;               /* a till's writes without an answer */
static int window;                   /* instead: all tills' writes that not every screen has */
static double rate, probe;           /* or: writes a second; or, during snapshots: seconds apart */
static double warm = 0.3, seconds = 1;
static pid_t pid;
static const char *hello, *subscription, *change;

/* ---- what is seen -------------------------------------------------------------------------- */

static struct link **clients, *probing;
static int epoll, count;
static uint64_t sent, answers, deltas, ready;
static struct spread waits;
static char epoch[64];
static unsigned long long seq;

static size_t expand(char *to, size_t room, const char *template, const struct link *link)
{
    int store = link->number % (link->role == TILL ? busy : stores);
    char *at = to, *end = to + room - 24;
    for (; *template; template++) {
        if (at >= end)
            fail("a message is too long", "");
        if (template[0] != '{' || !template[1] || template[2] != '}') {
            *at++ = *template;
            continue;
        }
        switch (template[1]) {
        case 'n': at += sprintf(at, "%llu", (unsigned long long)link->sent); break;
        case 'm': at += sprintf(at, "%llu", (unsigned long long)link->sent % 1000); break;
        case 'i': at += sprintf(at, "%d", link->number); break;
        case 'b': at += sprintf(at, "%d", store); break;
        default: *at++ = *template; continue;
        }
        template += 2;
    }
    return (size_t)(at - to);
}

static void say(struct link *link, const char *template)
{
    char text[4096];
    link_put(link, TEXT, text, expand(text, sizeof text, template, link));
}

static void write_one(struct link *till)
{
    if (till->sent - till->answered >= RING)
        fail("the server answers too slowly", "");
    till->times[till->sent % RING] = now();
    say(till, change);
    till->sent++;
    sent++;
}

/* Keep where the view is: its epoch and its last seq. */
static void note_cursor(const char *head, size_t size)
{
    char text[HEAD + 1];
    memcpy(text, head, size);
    text[size] = 0;
    const char *history = strstr(text, "\"epoch\":\""), *number = strstr(text, "\"seq\":");
    if (history)
        sscanf(history + 9, "%63[^\"]", epoch);
    if (number)
        seq = strtoull(number + 6, NULL, 10);
}

static void heard(struct link *link, int opcode, const char *head, size_t size)
{
    if (opcode == PING)
        link_put(link, PONG, head, size);
    if (opcode == CLOSE || (opcode == TEXT && size > 11 && !memcmp(head + 9, "ERROR", 5))) {
        char text[HEAD + 1] = {0};
        memcpy(text, head, size);
        fail("the server refuses:", text);
    }
    if (opcode != TEXT || size < 12)
        return;
    switch (head[9]) {               /* {"type":"X */
    case 'D':
        deltas++;
        break;
    case 'A':
        spread_add(&waits, now() - link->times[link->answered++ % RING]);
        answers++;
        break;
    case 'W':
        ready += link->role != SCREEN;
        break;
    case 'S':
        if (head[10] == 'Y') {       /* SYNCED */
            ready++;
            note_cursor(head, size);
        }
    }
}

/* Handle what comes within *ms*, which may be 0 to look or -1 to wait. */
static void turn(int ms)
{
    static struct epoll_event events[EVENTS];
    int happened = epoll_wait(epoll, events, EVENTS, ms);
    for (int i = 0; i < happened; i++) {
        struct link *link = events[i].data.ptr;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            link_read(link, heard);
        if (link->out_size)
            link_flush(epoll, link);
    }
}

static struct link *client(enum role role, int number)
{
    struct link *link = link_open(epoll, port, role, number);
    say(link, hello);
    if (role == SCREEN)
        say(link, subscription);
    link_flush(epoll, link);
    return link;
}

static void wait_until_ready(uint64_t wanted)
{
    uint64_t until = now() + 60ull * SECOND;
    while (ready < wanted) {
        if (now() > until)
            fail("clients are not ready after a minute", "");
        turn(100);
    }
}

static void rest(double length)
{
    uint64_t until = now() + (uint64_t)(length * SECOND);
    while (now() < until)
        turn(1);
}

/* ---- steady load --------------------------------------------------------------------------- */

static uint64_t begun;

static void write_what_is_due(void)
{
    static uint64_t next;
    struct link **till = clients + screens;
    if (!tills)
        return;
    if (rate > 0 || window) {
        uint64_t due = window ? deltas * (uint64_t)stores / (uint64_t)screens + (uint64_t)window
                              : (uint64_t)((double)(now() - begun) / SECOND * rate);
        while (sent < due)
            write_one(till[next++ % (uint64_t)tills]);
    } else {
        for (int i = 0; i < tills; i++)
            while (till[i]->sent - till[i]->answered < (uint64_t)flight)
                write_one(till[i]);
    }
    for (int i = 0; i < tills; i++)
        if (till[i]->out_size && !till[i]->waits)
            link_flush(epoll, till[i]);
}

static void run_until(uint64_t until)
{
    uint64_t seen = 0, moved = now();
    while (now() < until) {
        write_what_is_due();
        turn(rate > 0 ? 1 : 20);
        if (seen != deltas + answers || !tills)
            seen = deltas + answers, moved = now();
        else if (now() - moved > 20ull * SECOND)
            fail("nothing has come for 20 s", "");
    }
}

static void load(void)
{
    long resident[SAMPLES];
    int samples = 0;
    int all = screens + tills + idlers;
    clients = calloc((size_t)all, sizeof *clients);
    for (int i = 0; i < all; i++) {
        enum role role = i < screens ? SCREEN : i < screens + tills ? TILL : IDLER;
        int first = role == SCREEN ? 0 : role == TILL ? screens : screens + tills;
        clients[count++] = client(role, i - first);
        if (i == 0) {                /* which opens the store */
            wait_until_ready(1);
            rest(0.3);
            resident[samples++] = resident_kb(pid);
        }
        turn(0);
    }
    wait_until_ready((uint64_t)all);
    begun = now();
    run_until(begun + (uint64_t)(warm * SECOND));
    memset(&waits, 0, sizeof waits);
    uint64_t answered = answers, delivered = deltas, read = bytes_read, from = now();
    double used = cpu_seconds(pid);
    uint64_t end = from + (uint64_t)(seconds * SECOND);
    for (uint64_t at = from; at < end && samples < SAMPLES - 1;) {
        at = at + SECOND < end ? at + SECOND : end;
        run_until(at);
        resident[samples++] = resident_kb(pid);
    }
    used = cpu_seconds(pid) - used;
    double spent = (double)(now() - from) / SECOND;
    printf("{\"seconds\":%.4f,\"cpu\":%.6f,\"answers\":%llu,\"deliveries\":%llu,\"bytes\":%llu,"
           "\"wait_ms\":{\"p50\":%.4f,\"p99\":%.4f,\"longest\":%.4f},\"resident_kb\":[",
           spent, used, (unsigned long long)(answers - answered),
           (unsigned long long)(deltas - delivered), (unsigned long long)(bytes_read - read),
           spread_ms(&waits, 0.5), spread_ms(&waits, 0.99), (double)waits.longest / 1e6);
    for (int i = 0; i < samples; i++)
        printf("%s%ld", i ? "," : "", resident[i]);
    printf("],\"connections\":%d}\n", all);
}

/* ---- snapshots ----------------------------------------------------------------------------- */

/* Let the probing till write now and then, until *ready* is *wanted* or it is *until*. */
static void probe_until(uint64_t wanted, uint64_t until)
{
    static uint64_t due;
    while (ready < wanted && now() < until) {
        if (probing && now() >= due && probing->sent == probing->answered) {
            write_one(probing);
            link_flush(epoll, probing);
            due = now() + (uint64_t)(probe * SECOND);
        }
        turn(probing ? 0 : 10);
    }
}

static void take_snapshots(void)
{
    double used = 0, spent = 0, alone = 0;
    uint64_t bytes = 0, before = 0;
    if (probe > 0) {
        probing = client(TILL, 0);
        wait_until_ready(1);
        probe_until(UINT64_MAX, now() + SECOND / 2);
        memset(&waits, 0, sizeof waits);
        probe_until(UINT64_MAX, now() + SECOND);
        alone = (double)waits.longest / 1e6;
        memset(&waits, 0, sizeof waits);
    }
    for (int i = 0; i <= snapshots; i++) {
        struct link *screen = link_open(epoll, port, IDLER, i);
        say(screen, hello);
        link_flush(epoll, screen);
        wait_until_ready(ready + 1);
        rest(0.02);                  /* until the server has put its things away */
        screen->role = SCREEN;
        before = bytes_read;
        double first = cpu_seconds(pid);
        uint64_t asked = now();
        say(screen, subscription);
        link_flush(epoll, screen);
        uint64_t wanted = ready + 1;
        probe_until(wanted, now() + 60ull * SECOND);
        if (ready < wanted)
            fail("a snapshot takes more than a minute", "");
        double length = (double)(now() - asked) / SECOND;
        rest(0.02);
        if (i) {                     /* the first one opened the store */
            spent += length;
            bytes += bytes_read - before;
            used += cpu_seconds(pid) - first;
        } else {
            memset(&waits, 0, sizeof waits);
        }
        link_close(epoll, screen);
    }
    printf("{\"seconds\":%.6f,\"cpu\":%.6f,\"snapshots\":%d,\"bytes\":%llu,\"alone_ms\":%.4f,"
           "\"wait_ms\":{\"p50\":%.4f,\"p99\":%.4f,\"longest\":%.4f},"
           "\"epoch\":\"%s\",\"seq\":%llu}\n",
           spent, used, snapshots, (unsigned long long)bytes, alone, spread_ms(&waits, 0.5),
           spread_ms(&waits, 0.99), (double)waits.longest / 1e6, epoch, seq);
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
        case 'p': port = atoi(optarg); break;
        case 'P': pid = atoi(optarg); break;
        case 's': screens = atoi(optarg); break;
        case 't': tills = atoi(optarg); break;
        case 'i': idlers = atoi(optarg); break;
        case 'b': stores = atoi(optarg); break;
        case 'B': busy = atoi(optarg); break;
        case 'f': flight = atoi(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'W': warm = atof(optarg); break;
        case 'S': seconds = atof(optarg); break;
        case 'n': snapshots = atoi(optarg); break;
        case 'o': probe = atof(optarg); break;
        case 'H': hello = optarg; break;
        case 'U': subscription = optarg; break;
        case 'C': change = optarg; break;
        default: return 2;
        }
    if (!port || !pid || !hello || !subscription || !change)
        fail("--port, --pid, --hello, --subscribe and --write are needed", "");
    epoll = epoll_create1(0);
    if (snapshots)
        take_snapshots();
    else
        load();
    return 0;
}
