/*
 * service_alloc.h - gives out cluster IPs and node ports, each to one service, also when several apiservers do so.
 *
 * Who has what is in etcd, in upstream's form: an IPAddress object named after each cluster IP, which can be created
 * only once, and a RangeAllocation with a bitmap of the node ports, changed by compare-and-swap. A process that dies
 * between taking and writing leaves something taken; service_alloc_repair gives it back after a while, and takes what
 * services hold that the books do not show.
 */
#ifndef APISERVER_REGISTRY_SERVICE_ALLOC_H
#define APISERVER_REGISTRY_SERVICE_ALLOC_H

#include "apiserver/registry/registry.h"

struct service_alloc;

/* cidr: "10.0.0.0/24" (IPv4, /8 to /29); ports: "30000-32767". */
int service_alloc_new(const char *cidr, const char *ports, struct service_alloc **ret, struct err *err) MUST_CHECK;
struct service_alloc *service_alloc_free(struct service_alloc *s);

#define SERVICE_IP_MAX 16 /* dotted quad and NUL */
/* The address of the service default/kubernetes: the first of the range. */
void service_alloc_first_ip(const struct service_alloc *s, char out[SERVICE_IP_MAX]);
struct str service_alloc_cidr(const struct service_alloc *s);

/* Takes ip (or any, when empty) for the service op is about. ERR_ALREADY_EXISTS: taken; ERR_NOT_FOUND: outside of the
 * range; ERR_UNAVAILABLE: none left. The text is what upstream says of it. */
int service_take_ip(struct op *op, struct str ip, char out[SERVICE_IP_MAX], struct err *err) MUST_CHECK;
void service_give_ip(struct op *op, struct str ip);

/* The same for ports: want 0 = any. Both change *ret_port only on success. */
int service_take_port(struct op *op, int64_t want, int64_t *ret_port, struct err *err) MUST_CHECK;
void service_give_port(struct op *op, int64_t port);

/* One round; call now and then from one thread. A leak goes when it was seen in three rounds (ports), or is older than
 * a minute (addresses). */
int service_alloc_repair(struct registry *g, struct err *err) MUST_CHECK;

#endif
