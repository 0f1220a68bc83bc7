/* A load generator for servers that speak mishkah.v1: one process, one thread, epoll.
 *
 * Times are nanoseconds of the monotonic clock. What goes wrong ends the process with a sentence on
 * stderr: a figure of a run in which something failed is worth nothing.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- meter.c: what is measured ------------------------------------------------------------- */

/* Counts durations in steps of 1/64 of their power of two, so that quantiles are right to 1.6 %. */
enum { STEPS = 64, OCTAVES = 40 };
struct spread {
    uint64_t count, longest, steps[STEPS * OCTAVES];
};

#define SECOND 1000000000ull

uint64_t now(void);
void spread_add(struct spread *spread, uint64_t duration);
void tell_waits(const char *name, const struct spread *spread);   /* as a key and its value */
double cpu_seconds(pid_t pid);       /* of all threads, those too that have ended */
long resident_kb(pid_t pid);

/* ---- link.c: a client's side of a WebSocket ------------------------------------------------ */

enum { HEAD = 192, RING = 8192, TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };
enum role { SCREEN, TILL, IDLER };

struct link {
    int fd, number;
    enum role role;
    /* A frame as it comes in: its header, and the beginning of its payload. */
    uint8_t header[10];
    size_t header_size, head_size;
    uint64_t length, left;           /* of the payload: in all, and still to come */
    int inside;
    char head[HEAD];
    /* What is to be sent, and whether epoll is asked to say when it can be. */
    uint8_t *out;
    size_t out_size, out_room;
    int waits;
    /* Writes: how many were sent and answered, and when the last RING of them were sent. */
    uint64_t sent, answered, times[];
};

/* Called for each frame; *head* is the first *size* bytes of its payload. */
typedef void on_frame(struct link *link, int opcode, const char *head, size_t size);

_Noreturn void fail(const char *sentence, const char *detail);
struct link *link_open(int epoll, int port, enum role role, int number);
void link_close(int epoll, struct link *link);
void link_put(struct link *link, int opcode, const char *text, size_t size);
void link_flush(int epoll, struct link *link);
void link_read(struct link *link, on_frame *heard);
extern uint64_t bytes_read;

/* ---- clients.c: what they say, and what they hear ------------------------------------------ */

struct asked {
    int port, screens, tills, idlers, snapshots;
    int stores, busy;                /* over how many stores screens, and tills, are spread */
    int flight;                      /* a till's writes without an answer */
    int window;                      /* instead: all tills' writes that not every screen has */
    double rate;                     /* or: writes a second, of all tills together */
    double probe;                    /* seconds between a till's writes while snapshots are taken */
    double warm, seconds;
    pid_t pid;
    const char *hello, *subscription, *change;
};

struct seen {
    int epoll;
    uint64_t sent, answers, deltas, ready;
    struct spread waits;             /* from a write to its answer */
    char epoch[64];                  /* where the last screen was at first */
    unsigned long long seq;
};

extern struct asked asked;
extern struct seen seen;

void begin(void);
struct link *client(enum role role, int number);   /* connect one that says HELLO */
void say(struct link *link, const char *template);
void write_one(struct link *till);
void turn(int ms);                   /* handle what comes within *ms* */
void rest(double length);            /* handle what comes for so many seconds */
void wait_until_ready(uint64_t wanted);   /* so many have been welcomed, or have their snapshot */

#endif
