#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static int dial(uint16_t port, int receive_buffer)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int raw_connect(uint16_t port)
{
    return dial(port, 0);
}

int raw_connect_small(uint16_t port)
{
    return dial(port, 4096);
}

bool raw_send(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};
        if (poll(&pfd, 1, RAW_TIMEOUT_MS) <= 0)
            return false;
        ssize_t rc = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (rc < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (rc > 0) {
            at += rc;
            n -= (size_t)rc;
        }
    }
    return true;
}

bool raw_puts(int fd, const char *s)
{
    return raw_send(fd, s, strlen(s));
}

/* >0 bytes, 0 end (also a reset), -1 timeout */
static ssize_t read_some(int fd, void *p, size_t n)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    if (poll(&pfd, 1, RAW_TIMEOUT_MS) <= 0)
        return -1;
    ssize_t rc = recv(fd, p, n, 0);
    return rc < 0 ? 0 : rc;
}

bool raw_read_all(int fd, struct buf *out)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read_some(fd, chunk, sizeof(chunk))) > 0)
        buf_add(out, chunk, (size_t)n);
    return n == 0;
}

bool raw_read_until(int fd, struct buf *out, const char *text)
{
    char chunk[4096];
    while (!out->data || !memmem(out->data, out->len, text, strlen(text))) {
        ssize_t n = read_some(fd, chunk, sizeof(chunk));
        if (n <= 0)
            return false;
        buf_add(out, chunk, (size_t)n);
    }
    return true;
}

bool raw_read_n(int fd, void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t rc = read_some(fd, (char *)p + done, n - done);
        if (rc <= 0)
            return false;
        done += (size_t)rc;
    }
    return true;
}

bool raw_closed(int fd)
{
    struct buf out = BUF_INIT(SIZE_MAX / 2);
    bool ok = raw_read_all(fd, &out);
    buf_release(&out);
    return ok;
}

size_t raw_count(const struct buf *b, const char *text)
{
    size_t n = 0, len = strlen(text);
    for (const char *p = b->data, *end = p + b->len; p && (p = memmem(p, (size_t)(end - p), text, len)); p += len)
        n++;
    return n;
}

void h2_frame(struct buf *out, uint8_t type, uint8_t flags, uint32_t stream, const void *p, size_t n)
{
    const uint8_t head[9] = {
        (uint8_t)(n >> 16),      (uint8_t)(n >> 8),      (uint8_t)n,     type, flags, (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    buf_add(out, head, sizeof(head));
    buf_add(out, p, n);
}

void h2_preface(struct buf *out)
{
    buf_puts(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_frame(out, H2_SETTINGS, 0, 0, "", 0);
}

void h2_get(struct buf *out, uint32_t stream, const char *path, uint8_t flags)
{
    char block[256] = {(char)0x82, (char)0x86, 0x04, (char)strlen(path)}; /* GET, http, :path literal */
    size_t n = 4 + strlen(path);
    memcpy(block + 4, path, strlen(path));
    memcpy(block + n, "\x01\x01x", 3); /* :authority: x */
    h2_frame(out, H2_HEADERS, flags, stream, block, n + 3);
}

bool h2_read_frame(int fd, struct h2_frame *f)
{
    uint8_t head[9];
    if (!raw_read_n(fd, head, sizeof(head)))
        return false;
    f->n = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    f->type = head[3];
    f->flags = head[4];
    f->stream = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8];
    return f->n <= sizeof(f->data) && raw_read_n(fd, f->data, f->n);
}

bool h2_read_until(int fd, struct h2_frame *f, uint8_t type, uint32_t stream)
{
    do
        if (!h2_read_frame(fd, f))
            return false;
    while (f->type != type || (stream && f->stream != stream));
    return true;
}
