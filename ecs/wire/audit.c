#include "audit.h"

#include "api/json.h"
#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

struct ring {
    struct audit_event *v;
    size_t max, n, next; /* next: where the next event goes */
};

struct audit {
    pthread_mutex_t lock;
    struct ring writes, reads;
    uint64_t count;
    int fd; /* -1 = none */
};

/* Which members of an input name a resource, and of what type. */
static const struct {
    const char *member, *type;
} resource_members[] = {
    {"cluster", "AWS::ECS::Cluster"},
    {"clusterName", "AWS::ECS::Cluster"},
    {"service", "AWS::ECS::Service"},
    {"serviceName", "AWS::ECS::Service"},
    {"taskDefinition", "AWS::ECS::TaskDefinition"},
    {"family", "AWS::ECS::TaskDefinition"},
    {"task", "AWS::ECS::Task"},
    {"containerInstance", "AWS::ECS::ContainerInstance"},
    {"capacityProvider", "AWS::ECS::CapacityProvider"},
    {"resourceArn", "AWS::ECS::Resource"},
};

static void event_release(struct audit_event *e)
{
    for (size_t i = 0; i < e->n_resources; i++)
        free(e->resources[i].name);
    free(e->name);
    free(e->source);
    free(e->user);
    free(e->access_key);
    free(e->line);
    *e = (struct audit_event){0};
}

int audit_new(const char *file, struct audit **ret, struct err *err)
{
    int fd = -1;

    if (file) {
        fd = strcmp(file, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return err_errno(err, errno, "cannot open the audit file %s", file);
    }
    struct audit *a = xcalloc(1, sizeof(*a));
    pthread_mutex_init(&a->lock, NULL);
    a->fd = fd;
    a->writes.max = AUDIT_WRITES_MAX;
    a->reads.max = AUDIT_READS_MAX;
    a->writes.v = xcalloc(a->writes.max, sizeof(*a->writes.v));
    a->reads.v = xcalloc(a->reads.max, sizeof(*a->reads.v));
    *ret = a;
    return 0;
}

static void ring_free(struct ring *r)
{
    for (size_t i = 0; i < r->max; i++)
        event_release(&r->v[i]);
    free(r->v);
}

struct audit *audit_free(struct audit *a)
{
    if (!a)
        return NULL;
    ring_free(&a->writes);
    ring_free(&a->reads);
    if (a->fd >= 0)
        close(a->fd);
    pthread_mutex_destroy(&a->lock);
    free(a);
    return NULL;
}

/* --- the record --- */

/* At most max bytes, and no broken character at the end. */
static struct str cut(struct str s, size_t max)
{
    if (s.n > max)
        for (s.n = max; s.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80; s.n--)
            ;
    return s.n ? s : STR("");
}

static char *cut_copy(struct str s, size_t max)
{
    s = cut(s, max);
    return xstrndup(s.p, s.n);
}

static void put(struct buf *out, const char *key, struct str value, size_t max)
{
    buf_printf(out, "\"%s\":", key);
    json_write_string(out, cut(value, max));
    buf_putc(out, ',');
}

static const char *identity_type(struct str arn)
{
    return str_ends(arn, STR(":root"))                  ? "Root"
           : memmem(arn.p, arn.n, ":assumed-role/", 14) ? "AssumedRole"
                                                        : "IAMUser";
}

static void put_identity(struct buf *out, const struct aws_principal *p)
{
    buf_puts(out, "\"userIdentity\":{");
    if (p->arn.n) {
        put(out, "type", str_of(identity_type(p->arn)), 32);
        put(out, "principalId", p->user_id, 64);
        put(out, "arn", p->arn, 256);
        put(out, "accountId", p->account, 32);
        put(out, "userName", p->user_name, 128);
    } else {
        put(out, "type", STR("Unknown"), 32); /* nobody could be authenticated */
    }
    if (p->access_key.n)
        put(out, "accessKeyId", p->access_key, 128);
    out->len--;
    buf_puts(out, "},");
}

static void put_resources(struct buf *out, const struct audit_event *e)
{
    if (e->n_resources == 0)
        return;
    buf_puts(out, "\"resources\":[");
    for (size_t i = 0; i < e->n_resources; i++) {
        buf_puts(out, i ? ",{" : "{");
        put(out, "resourceType", str_of(e->resources[i].type), 64);
        put(out, "resourceName", str_of(e->resources[i].name), 256);
        out->len--;
        buf_putc(out, '}');
    }
    buf_puts(out, "],");
}

static void put_record(struct buf *out, const struct aws_call *c, const struct audit_event *e, const char *code,
                       const char *message)
{
    char when[RFC3339_MAX];

    format_rfc3339(when, e->time_ns, 0);
    buf_puts(out, "{\"eventVersion\":\"1.08\",");
    put_identity(out, &c->principal);
    put(out, "eventTime", str_of(when), 64);
    put(out, "eventSource", str_of(e->source), 128);
    put(out, "eventName", str_of(e->name), 128);
    put(out, "awsRegion", str_of(c->region), 64);
    put(out, "sourceIPAddress", str_of(c->source_ip), 64);
    put(out, "userAgent", c->user_agent, 256);
    if (code) {
        put(out, "errorCode", str_of(code), 128);
        put(out, "errorMessage", str_of(message), 512);
    }
    put(out, "requestID", str_of(c->request_id), 64);
    put(out, "eventID", str_of(e->id), 64);
    buf_printf(out, "\"readOnly\":%s,", e->read_only ? "true" : "false");
    put_resources(out, e);
    put(out, "eventType", STR("AwsApiCall"), 32);
    buf_puts(out, "\"managementEvent\":true,");
    put(out, "recipientAccountId", str_of(c->account_id), 32);
    buf_puts(out, "\"eventCategory\":\"Management\"}");
}

static void find_resources(struct audit_event *e, const struct doc *input)
{
    for (size_t i = 0; i < ARRAY_LEN(resource_members) && e->n_resources < AUDIT_RESOURCES_MAX; i++) {
        struct str name = doc_str(doc_get(input, resource_members[i].member));
        if (name.n)
            e->resources[e->n_resources++] =
                (struct audit_resource){resource_members[i].type, xstrndup(name.p, MIN_OF(name.n, (size_t)256))};
    }
}

static bool write_line(int fd, struct buf *line)
{
    buf_putc(line, '\n'); /* one write of one line: O_APPEND keeps it whole */
    return fd < 0 || write(fd, line->data, line->len) == (ssize_t)line->len;
}

static void keep(struct audit *a, struct audit_event *e)
{
    struct ring *r = e->read_only ? &a->reads : &a->writes;
    struct audit_event old;

    pthread_mutex_lock(&a->lock);
    e->number = ++a->count;
    old = r->v[r->next];
    r->v[r->next] = *e;
    r->next = (r->next + 1) % r->max;
    r->n = MIN_OF(r->n + 1, r->max);
    pthread_mutex_unlock(&a->lock);
    event_release(&old);
}

bool audit_record(struct audit *a, const struct aws_call *c, const struct aws_service *s, bool read_only,
                  const char *code, const char *message)
{
    _cleanup_(buf_releasep) struct buf line = BUF_INIT(AUDIT_RECORD_MAX * 2);
    struct audit_event e = {.time_ns = c->now_ns, .read_only = read_only};

    random_uuid(e.id);
    e.name = cut_copy(str_of(c->operation), 128);
    e.source = xstrdup(s ? s->event_source : "unknown");
    e.user = cut_copy(c->principal.user_name, 128);
    e.access_key = cut_copy(c->principal.access_key, 128);
    find_resources(&e, c->input);
    put_record(&line, c, &e, code, message);
    e.line = xstrndup(buf_str(&line).p, buf_str(&line).n);
    bool ok = write_line(a->fd, &line) && buf_ok(&line);
    keep(a, &e);
    return ok;
}

/* --- looking back --- */

/* The i-th newest. */
static const struct audit_event *nth(const struct ring *r, size_t i)
{
    return i < r->n ? &r->v[(r->next + r->max - 1 - i) % r->max] : NULL;
}

void audit_each(struct audit *a, uint64_t number, bool (*fn)(void *ctx, const struct audit_event *e), void *ctx)
{
    size_t w = 0, r = 0;
    const struct audit_event *x, *y, *e;

    pthread_mutex_lock(&a->lock);
    do {
        x = nth(&a->writes, w);
        y = nth(&a->reads, r);
        e = !y || (x && x->number > y->number) ? x : y;
        w += e && e == x;
        r += e && e == y;
    } while (e && (e->number >= number || fn(ctx, e)));
    pthread_mutex_unlock(&a->lock);
}
