/* A client's side of a WebSocket: masked frames out, frames in as their bytes come. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

static const char UPGRADE[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mishkah.v1\r\n\r\n";
static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};
static uint8_t buffer[1 << 20];
uint64_t bytes_read;

void fail(const char *sentence, const char *detail)
{
    fprintf(stderr, "load: %s %s\n", sentence, detail);
    exit(1);
}

/* Ask for the socket to become a WebSocket, and wait until it is one. */
static void shake_hands(int fd)
{
    char answer[4096];
    size_t size = 0;
    if (send(fd, UPGRADE, sizeof UPGRADE - 1, MSG_NOSIGNAL) < 0)
        fail("can't send the handshake:", strerror(errno));
    while (size < 4 || memcmp(answer + size - 4, "\r\n\r\n", 4)) {
        /* Byte by byte, since what follows the head belongs to the frames. */
        if (size == sizeof answer - 1 || recv(fd, answer + size, 1, 0) != 1)
            fail("the handshake has no answer", "");
        size++;
    }
    answer[size] = 0;
    if (strncmp(answer, "HTTP/1.1 101", 12))
        fail("no WebSocket:", answer);
}

struct link *link_open(int epoll, int port, enum role role, int number)
{
    struct link *link = calloc(1, sizeof *link + RING * sizeof link->times[0]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!link || (link->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0)
        fail("no socket:", strerror(errno));
    if (connect(link->fd, (struct sockaddr *)&address, sizeof address))
        fail("can't connect:", strerror(errno));
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    shake_hands(link->fd);
    fcntl(link->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll, EPOLL_CTL_ADD, link->fd, &event);
    link->role = role;
    link->number = number;
    return link;
}

void link_close(int epoll, struct link *link)
{
    epoll_ctl(epoll, EPOLL_CTL_DEL, link->fd, NULL);
    close(link->fd);
    free(link->out);
    free(link);
}

void link_put(struct link *link, int opcode, const char *text, size_t size)
{
    size_t needed = link->out_size + size + 8;
    if (size > 65535)
        fail("a message is too long", "");
    if (needed > link->out_room) {
        link->out_room = 2 * needed;
        if (!(link->out = realloc(link->out, link->out_room)))
            fail("no memory", "");
    }
    uint8_t *to = link->out + link->out_size;
    *to++ = (uint8_t)(0x80 | opcode);
    if (size < 126) {
        *to++ = (uint8_t)(0x80 | size);
    } else {
        *to++ = 0x80 | 126;
        *to++ = (uint8_t)(size >> 8);
        *to++ = (uint8_t)size;
    }
    memcpy(to, MASK, 4);
    to += 4;
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)text[i] ^ MASK[i & 3];
    link->out_size = (size_t)(to - link->out) + size;
}

void link_flush(int epoll, struct link *link)
{
    size_t done = 0;
    while (done < link->out_size) {
        ssize_t sent = send(link->fd, link->out + done, link->out_size - done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0)
            fail("a connection ended:", strerror(errno));
        done += (size_t)sent;
    }
    memmove(link->out, link->out + done, link->out_size - done);
    link->out_size -= done;
    if (link->waits != (link->out_size > 0)) {
        link->waits = link->out_size > 0;
        struct epoll_event event = {.events = EPOLLIN | (link->waits ? EPOLLOUT : 0)};
        event.data.ptr = link;
        epoll_ctl(epoll, EPOLL_CTL_MOD, link->fd, &event);
    }
}

/* Return the size of the header that begins with the two bytes at *header*. */
static size_t header_size(const uint8_t *header)
{
    int length = header[1] & 127;
    return length == 126 ? 4 : length == 127 ? 10 : 2;
}

static uint64_t payload_length(const uint8_t *header)
{
    size_t size = header_size(header);
    uint64_t length = 0;
    if (size == 2)
        return header[1] & 127;
    for (size_t i = 2; i < size; i++)
        length = length << 8 | header[i];
    return length;
}

/* Take frames out of *size* bytes; what is cut off at their end is kept in the link. */
static void take(struct link *link, const uint8_t *at, size_t size, on_frame *heard)
{
    const uint8_t *end = at + size;
    while (at < end || (link->inside && !link->left)) {
        if (!link->inside) {
            link->header[link->header_size++] = *at++;
            if (link->header_size < 2 || link->header_size < header_size(link->header))
                continue;
            link->length = link->left = payload_length(link->header);
            link->inside = 1;
            link->head_size = 0;
        }
        uint64_t some = (uint64_t)(end - at) < link->left ? (uint64_t)(end - at) : link->left;
        size_t room = HEAD - link->head_size, kept = some < room ? (size_t)some : room;
        memcpy(link->head + link->head_size, at, kept);
        link->head_size += kept;
        at += some;
        link->left -= some;
        if (!link->left) {
            int opcode = link->header[0] & 15;
            link->inside = 0;
            link->header_size = 0;
            heard(link, opcode, link->head, link->head_size);
        }
    }
}

void link_read(struct link *link, on_frame *heard)
{
    ssize_t size = recv(link->fd, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0)
        fail("a connection ended", size ? strerror(errno) : "");
    bytes_read += (uint64_t)size;
    take(link, buffer, (size_t)size, heard);
}
