/*
 * limits.h - every ceiling in one place. A limit that upstream has is upstream's.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stddef.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/* Documents */
#define LIMIT_BODY (3 * MIB)          /* a request's object, as upstream's MaxRequestBodyBytes */
#define LIMIT_DOC_DEPTH 512           /* nesting of a JSON, YAML or protobuf document */
#define LIMIT_DOC_ARENA (64 * MIB)    /* memory of one request's arena */
#define LIMIT_YAML_ALIASES 10000      /* nodes that aliases of one YAML document may add */
#define LIMIT_JSON_PATCH_OPS 10000    /* as upstream */
#define LIMIT_SELECTOR (64 * KIB)     /* text of a label or field selector */
#define LIMIT_ANNOTATIONS (256 * KIB) /* all annotations of an object */
#define LIMIT_LIST_PAGE 500           /* etcd keys fetched at a time */
#define LIMIT_OBJECT (MIB + MIB / 2)  /* bytes of one stored object: etcd's request limit */

/* HTTP server */
#define LIMIT_HEADER_BYTES (64 * KIB) /* request line and header fields */
#define LIMIT_HEADERS 128
#define LIMIT_URL (8 * KIB)
#define LIMIT_H2_STREAMS 1000
#define LIMIT_CONNECTIONS 10000
#define LIMIT_HANDSHAKE_S 10
#define LIMIT_HEADERS_S 10
#define LIMIT_BODY_STALL_S 30
#define LIMIT_WRITE_STALL_S 30
#define LIMIT_IDLE_S 180
#define LIMIT_BODY_MIN_RATE 512         /* bytes/s a request body must keep up on average */
#define LIMIT_BODY_WINDOW (256 * KIB)   /* of a body, what arrives ahead of its consumer */
#define LIMIT_CONN_BODIES (32 * MIB)    /* collected bodies of one connection */
#define LIMIT_SERVER_BODIES (512 * MIB) /* ... of all connections */
#define LIMIT_CONTROL_FRAMES 1000       /* HTTP/2 frames a second that carry nothing */
#define LIMIT_TUNNEL_WINDOW (256 * KIB) /* of an upgraded connection, what arrives ahead of its consumer */
#define LIMIT_TUNNEL_BUFFER (4 * MIB)   /* ... what may wait to be written */
#define LIMIT_PROXY_STREAMS 500         /* streamed answers passed on at a time, a thread each */
#define LIMIT_WATCH_BACKLOG 4096        /* events a slow watcher may lag behind before its watch is closed */
#define LIMIT_WATCHES_PER_CONN LIMIT_H2_STREAMS

/* Clients */
#define LIMIT_GRPC_MESSAGE (64 * MIB)
#define LIMIT_RESPONSE (256 * MIB)

/* Small files: keys, certificates, kubeconfigs, manifests */
#define LIMIT_SMALL_FILE (4 * MIB)

#endif
