/* PUT of an object, or of its status. */
#include "apiserver/http/body.h"
#include "apiserver/http/verbs.h"
#include "apiserver/http/write.h"

int verb_update(struct request *r, struct err *err)
{
    struct doc *obj = NULL;
    struct storage_object *o = NULL;
    struct body_kind want = body_kind_of(r);
    if (write_check(r, err) < 0 || body_object(r, &want, &obj, err) < 0 || write_check_name(r, obj, err) < 0)
        return -1;
    struct op op = write_op(r);
    if (store_update_or_create(&op, write_given, obj, obj, &o, err) < 0)
        return -1;
    return write_respond(r, op.created ? 201 : 200, o, err);
}
