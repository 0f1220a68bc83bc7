/* The limit: what one core can do that only moves the bytes of mishkah.v1.
 *
 * It answers HELLO, SUBSCRIBE and INSERT with frames like the server's and as long as them, and hands
 * every write to every screen, one send for all that came in a turn. It reads no JSON, keeps no row,
 * judges nothing and has no disk: nobody can be faster, and nobody can use it. One store, 127.0.0.1.
 * Started as `limit`, it writes {"port": N} and serves until it is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 512, INPUT = 1 << 16, QUEUE = 1 << 22, SCREENS = 4096 };
#define SIGNATURE "\"branch\":\"b0\",\"module\":\"m\",\"epoch\":\"0123456789ab\""
#define MOMENT "2025-10-29T10:30:00.000Z"

struct client {
    int fd, open, screen;
    size_t size;
    uint8_t input[INPUT];
};
struct queue {
    size_t size;
    uint8_t bytes[QUEUE];
};

static struct client *screens[SCREENS];
static int screen_count;
static struct queue deltas, answers;
static unsigned long seq;

/* Return the place for a payload of at most 64 KiB, after its header; `framed` completes it. */
static char *place(struct queue *queue)
{
    if (queue->size + (1 << 16) + 4 > QUEUE) {
        fprintf(stderr, "limit: too much at once\n");
        exit(1);
    }
    return (char *)queue->bytes + queue->size + 4;
}

static void framed(struct queue *queue, size_t size)
{
    uint8_t *at = queue->bytes + queue->size;
    at[0] = 0x81;
    if (size < 126) {
        at[1] = (uint8_t)size;
        memmove(at + 2, at + 4, size);
        queue->size += size + 2;
    } else {
        at[1] = 126;
        at[2] = (uint8_t)(size >> 8);
        at[3] = (uint8_t)size;
        queue->size += size + 4;
    }
}

static void answer(const char *text)
{
    size_t size = strlen(text);
    memcpy(place(&answers), text, size);
    framed(&answers, size);
}

/* Send all of it; where a socket is full, wait until it is not: the load always reads. */
static void deliver(int fd, const struct queue *queue)
{
    for (size_t done = 0; done < queue->size;) {
        ssize_t sent = send(fd, queue->bytes + done, queue->size - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        done += sent < 0 ? 0 : (size_t)sent;
    }
}

static void take_insert(char *text, size_t size)
{
    char *row = memmem(text, size, "\"data\":{", 8), *ref = memmem(text, size, "\"ref\":", 6);
    if (!row || !ref)
        return;
    char *more = memchr(row, '}', size - (size_t)(row - text));
    int length = (int)(more - row) - 8, number = atoi(ref + 6);
    const char *rest = ",\"line_no\":\"L-00000000\",\"created_at\":\"" MOMENT "\"";
    seq++;
    framed(&answers, (size_t)sprintf(place(&answers),
        "{\"type\":\"ACK\",\"ref\":%d,\"seq\":%lu,\"rows\":[{%.*s%s}]}",
        number, seq, length, row + 8, rest));
    if (screen_count)
        framed(&deltas, (size_t)sprintf(place(&deltas),
            "{\"type\":\"DELTA\"," SIGNATURE ",\"seq\":%lu,\"prev\":%lu,"
            "\"by\":{\"client\":\"till-0-00000000\",\"ref\":%d,\"user\":\"till\"},"
            "\"data\":{\"table\":\"order_line\",\"operation\":\"INSERT\",\"id\":%.*s,"
            "\"changes\":{%.*s%s},\"timestamp\":\"" MOMENT "\"}}",
            seq, seq - 1, number, (int)strcspn(row + 13, ","), row + 13, length, row + 8, rest));
}

static void take(struct client *client, char *text, size_t size)
{
    if (size < 12)
        return;
    if (text[9] == 'I') {
        take_insert(text, size);
    } else if (text[9] == 'H') {
        answer("{\"type\":\"WELCOME\",\"v\":1,\"server\":\"limit\"}");
    } else if (text[9] == 'S' && screen_count < SCREENS) {
        answer("{\"type\":\"SUBSCRIBED\"," SIGNATURE ",\"view\":\"*\",\"seq\":0}");
        answer("{\"type\":\"SNAPSHOT\"," SIGNATURE ",\"seq\":0,\"last\":true,\"data\":{}}");
        answer("{\"type\":\"SYNCED\"," SIGNATURE ",\"view\":\"*\",\"seq\":0}");
        screens[screen_count++] = client;
    }
}

static void leave(struct client *client)
{
    for (int i = 0; i < screen_count; i++)
        if (screens[i] == client)
            screens[i--] = screens[--screen_count];
    close(client->fd);
    free(client);
}

/* Take the frames that are whole; return how many bytes that was. */
static size_t take_frames(struct client *client)
{
    uint8_t *at = client->input, *end = at + client->size;
    while (end - at >= 8) {
        size_t size = at[1] & 127, head = 6;
        if (size == 126)
            size = (size_t)at[2] << 8 | at[3], head = 8;
        if ((size_t)(end - at) < head + size)
            break;
        uint8_t *text = at + head, *mask = text - 4;
        for (size_t i = 0; i < size; i++)
            text[i] ^= mask[i & 3];
        take(client, (char *)text, size);
        at = text + size;
    }
    return (size_t)(at - client->input);
}

static void hear(struct client *client)
{
    static const char welcome[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: mishkah.v1\r\n\r\n";
    ssize_t got = recv(client->fd, client->input + client->size, INPUT - client->size, 0);
    size_t done;
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        leave(client);
        return;
    }
    client->size += (size_t)got;
    if (client->open) {
        done = take_frames(client);
    } else {
        uint8_t *end = memmem(client->input, client->size, "\r\n\r\n", 4);
        done = end ? (size_t)(end + 4 - client->input) : 0;
        client->open = end != NULL;
        if (end && send(client->fd, welcome, sizeof welcome - 1, MSG_NOSIGNAL) < 0)
            return;
    }
    memmove(client->input, client->input + done, client->size - done);
    client->size -= done;
    if (answers.size)
        deliver(client->fd, &answers);
    answers.size = 0;
}

static void let_in(int epoll, int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct client *client = calloc(1, sizeof *client);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (fd < 0 || !client)
        exit(1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    client->fd = fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int main(void)
{
    static struct epoll_event events[EVENTS];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096))
        return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                hear(events[i].data.ptr);
            else
                let_in(epoll, listener);
        }
        for (int i = 0; deltas.size && i < screen_count; i++)
            deliver(screens[i]->fd, &deltas);
        deltas.size = 0;
    }
}
