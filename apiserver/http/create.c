/* POST of a new object. */
#include "apiserver/http/body.h"
#include "apiserver/http/verbs.h"
#include "apiserver/http/write.h"

int verb_create(struct request *r, struct err *err)
{
    struct doc *obj = NULL;
    struct storage_object *o = NULL;
    struct body_kind want = body_kind_of(r);
    if (write_check(r, err) < 0 || body_object(r, &want, &obj, err) < 0)
        return -1;
    struct op op = write_op(r);
    if (store_create(&op, obj, &o, err) < 0)
        return -1;
    return write_respond(r, 201, o, err);
}
