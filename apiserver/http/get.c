/* GET of one object. The driver has made the cache current when that was asked for. */
#include "apiserver/http/respond.h"
#include "apiserver/http/select.h"
#include "apiserver/http/verbs.h"

int verb_get(struct request *r, struct err *err)
{
    struct read_options o;
    struct str key;
    if (negotiate_accept(http_header(r->http, "accept"), request_negotiates(r, NEGOTIATE_OBJECT), &r->accept, err) <
            0 ||
        read_options_parse(r, true, &o, err) < 0)
        return -1;
    if (o.at == STORAGE_CONSISTENT)
        o.at = STORAGE_ANY;
    else if (o.at != STORAGE_ANY) {
        o.at = STORAGE_NOT_OLDER;
        VERB_ON_WORKER(r);
    }
    _cleanup_(storage_object_unrefp) struct storage_object *obj = NULL;
    if (request_key(r, r->info.ns, r->info.name, &key, err) < 0)
        return -1;
    if (storage_get(r->server->storage, key, o.at, o.revision, &obj, err) < 0)
        return read_error(r, err);
    return respond_object(r, 200, obj, err);
}
