/* Clients: what they say, and what they hear. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"

enum { EVENTS = 1024 };

struct asked asked = {.stores = 1, .busy = 1, .flight = 1, .warm = 0.3, .seconds = 1};
struct seen seen;

/* Write *template* to *to*: {n} is the number of a client's write, {m} the same modulo 1,000, {i} the
 * client's number, {b} its store's. */
static size_t expand(char *to, size_t room, const char *template, const struct link *link)
{
    int store = link->number % (link->role == TILL ? asked.busy : asked.stores);
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

void say(struct link *link, const char *template)
{
    char text[4096];
    link_put(link, TEXT, text, expand(text, sizeof text, template, link));
}

void write_one(struct link *till)
{
    if (till->sent - till->answered >= RING)
        fail("the server answers too slowly", "");
    till->times[till->sent % RING] = now();
    say(till, asked.change);
    till->sent++;
    seen.sent++;
}

/* Keep where the view is: its epoch and its last seq. */
static void note_cursor(const char *head, size_t size)
{
    char text[HEAD + 1];
    memcpy(text, head, size);
    text[size] = 0;
    const char *history = strstr(text, "\"epoch\":\""), *number = strstr(text, "\"seq\":");
    if (history)
        sscanf(history + 9, "%63[^\"]", seen.epoch);
    if (number)
        seen.seq = strtoull(number + 6, NULL, 10);
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
        seen.deltas++;
        break;
    case 'A':
        spread_add(&seen.waits, now() - link->times[link->answered++ % RING]);
        seen.answers++;
        break;
    case 'W':
        seen.ready += link->role != SCREEN;
        break;
    case 'S':
        if (head[10] == 'Y') {       /* SYNCED */
            seen.ready++;
            note_cursor(head, size);
        }
    }
}

void turn(int ms)
{
    static struct epoll_event events[EVENTS];
    int happened = epoll_wait(seen.epoll, events, EVENTS, ms);
    for (int i = 0; i < happened; i++) {
        struct link *link = events[i].data.ptr;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            link_read(link, heard);
        if (link->out_size)
            link_flush(seen.epoll, link);
    }
}

void begin(void)
{
    seen.epoll = epoll_create1(0);
}

struct link *client(enum role role, int number)
{
    struct link *link = link_open(seen.epoll, asked.port, role, number);
    say(link, asked.hello);
    if (role == SCREEN)
        say(link, asked.subscription);
    link_flush(seen.epoll, link);
    return link;
}

void wait_until_ready(uint64_t wanted)
{
    uint64_t until = now() + 60 * SECOND;
    while (seen.ready < wanted) {
        if (now() > until)
            fail("clients are not ready after a minute", "");
        turn(100);
    }
}

void rest(double length)
{
    uint64_t until = now() + (uint64_t)(length * SECOND);
    while (now() < until)
        turn(1);
}
