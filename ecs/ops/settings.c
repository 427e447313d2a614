#include "ecs/map/settings.h"

#include "ecs/map/fault.h"
#include "ecs/ops/names.h"
#include "ecs/ops/ops.h"

/* An ECSAccountSetting for each pair of setting and principal that was ever put: spec {name, value, principalArn}. */

#define PAGE_MAX 10

static const char *root_arn(const struct aws_call *c)
{
    return arena_printf(c->arena, "arn:aws:iam::%s:root", c->account_id);
}

/* The caller as a principal of settings: a session of a role counts as the role. */
static struct str caller(const struct aws_call *c)
{
    static const char prefix[] = "arn:aws:sts::", type[] = ":assumed-role/";
    struct str arn = c->principal.arn, account = c->principal.account;

    if (!str_starts(arn, str_of(prefix)))
        return arn;
    struct str rest = str_from(arn, sizeof(prefix) - 1 + account.n), role;
    if (!str_starts(rest, str_of(type)))
        return arn;
    rest = str_from(rest, sizeof(type) - 1);
    (void)str_split(&rest, '/', &role);
    return str_of(arena_printf(c->arena, "arn:aws:iam::" STR_FMT ":role/" STR_FMT, STR_ARG(account), STR_ARG(role)));
}

static const char *object_of(struct arena *a, const struct setting *s, struct str principal)
{
    return ecs_object_label(a, "", str_of(arena_printf(a, "%s/" STR_FMT, s->name, STR_ARG(principal))));
}

/* What was put for the principal itself; an empty value when nothing was. */
static int value_of(struct aws_call *c, const struct setting *s, struct str principal, struct str *ret, struct err *err)
{
    const char *object = object_of(c->arena, s, principal);
    struct doc *o;

    if (ecs_store_find(store_of(c), c->arena, ECS_ACCOUNT_SETTING, NULL, object, &o, err) < 0)
        return -1;
    *ret = doc_str(doc_path(o, "spec.value"));
    return 0;
}

/* What counts for the principal, and whose it is. */
static int effective(struct aws_call *c, const struct setting *s, struct str principal, struct str *ret,
                     struct str *ret_owner, struct err *err)
{
    struct str root = str_of(root_arn(c));

    *ret_owner = principal;
    if (value_of(c, s, principal, ret, err) < 0)
        return -1;
    if (ret->n)
        return 0;
    *ret_owner = root;
    if (value_of(c, s, root, ret, err) < 0)
        return -1;
    if (!ret->n)
        *ret = str_of(s->by_default);
    return 0;
}

int ecs_setting_value(struct aws_call *c, const char *name, struct str *ret, struct err *err)
{
    const struct setting *s = setting_find(str_of(name));
    struct str owner;

    return s ? effective(c, s, caller(c), ret, &owner, err) : err_set(err, ERR_INTERNAL, "no account setting %s", name);
}

static struct doc *shown(struct arena *a, const struct setting *s, struct str value, struct str principal)
{
    struct doc *d = doc_object(a);

    doc_set(d, "name", doc_string(a, str_of(s->name)));
    doc_set(d, "value", doc_string(a, value));
    doc_set(d, "principalArn", doc_string(a, principal));
    doc_set(d, "type", doc_string(a, s->managed ? STR("aws_managed") : STR("user")));
    return d;
}

/* Whose settings the call is about: principalArn, which only root and the principal may name, else the caller. */
static int principal_of(struct aws_call *c, struct str *ret)
{
    struct str named = in_str(c, "principalArn"), me = caller(c);

    *ret = named.n ? named : me;
    if (!named.n || str_eq(named, me))
        return 0;
    if (!setting_principal_valid(named, str_of(c->account_id)))
        return aws_error(c, ECS_INVALID, "The principal ARN '" STR_FMT "' is invalid.", STR_ARG(named));
    if (!setting_principal_is_root(me))
        return aws_error(c, "AccessDeniedException",
                         "You must be the root user or the principal itself to use the principalArn parameter.");
    return 0;
}

static int setting_of(struct aws_call *c, const struct setting **ret)
{
    *ret = setting_find(in_str(c, "name"));
    return *ret
               ? 0
               : aws_error(c, ECS_INVALID, "The account setting '" STR_FMT "' is invalid.", STR_ARG(in_str(c, "name")));
}

/* --- writing --- */

static int set_value(void *ctx, struct arena *a, struct doc *o, struct err *err)
{
    const struct str *value = ctx;

    if (str_eq(doc_str(doc_path(o, "spec.value")), *value))
        return 0;
    doc_set_path(a, o, "spec.value", doc_string(a, *value));
    return 1;
}

static int write_value(struct aws_call *c, const struct setting *s, struct str principal, struct str value,
                       struct err *err)
{
    const char *name = object_of(c->arena, s, principal);
    struct doc *o = ecs_object_new(c->arena, NULL, name), *spec = doc_need_object(c->arena, o, "spec");

    doc_set(spec, "name", doc_string(c->arena, str_of(s->name)));
    doc_set(spec, "value", doc_string(c->arena, value));
    doc_set(spec, "principalArn", doc_string(c->arena, principal));
    return ecs_store_put(store_of(c), c->arena, ECS_ACCOUNT_SETTING, o, set_value, &value, NULL, err);
}

static int put(struct aws_call *c, struct str principal, struct err *err)
{
    struct str value = in_str(c, "value");
    const struct setting *s;

    if (setting_of(c, &s) < 0)
        return -1;
    if (setting_check(s, value, err) < 0)
        return ecs_pass(c, err);
    if (s->root_only && !setting_principal_is_root(caller(c)))
        return aws_error(c, "AccessDeniedException", "You must be the root user to change the account setting %s.",
                         s->name);
    if (write_value(c, s, principal, value, err) < 0)
        return -1;
    doc_set(c->output, "setting", shown(c->arena, s, value, principal));
    return 0;
}

int ecs_put_account_setting(struct aws_call *c, struct err *err)
{
    struct str principal;

    return principal_of(c, &principal) < 0 ? -1 : put(c, principal, err);
}

int ecs_put_account_setting_default(struct aws_call *c, struct err *err)
{
    return put(c, str_of(root_arn(c)), err);
}

/* What was put goes; what then counts is told. */
int ecs_delete_account_setting(struct aws_call *c, struct err *err)
{
    struct str principal, value, owner;
    const struct setting *s;

    if (setting_of(c, &s) < 0 || principal_of(c, &principal) < 0)
        return -1;
    if (s->managed)
        return aws_error(c, ECS_INVALID, "The account setting %s is managed by AWS and cannot be changed.", s->name);
    if (ecs_store_delete(store_of(c), ECS_ACCOUNT_SETTING, NULL, object_of(c->arena, s, principal), err) < 0 ||
        effective(c, s, principal, &value, &owner, err) < 0)
        return -1;
    doc_set(c->output, "setting", shown(c->arena, s, value, principal));
    return 0;
}

/* --- reading --- */

int ecs_list_account_settings(struct aws_call *c, struct err *err)
{
    struct str name = in_str(c, "name"), wanted = in_str(c, "value"), principal, value, owner;
    bool all = doc_true(doc_get(c->input, "effectiveSettings"));
    struct doc *list = doc_array(c->arena);

    if (wanted.n && !name.n)
        return aws_error(c, ECS_INVALID, "You must specify an account setting name to filter by a value.");
    if (principal_of(c, &principal) < 0)
        return -1;
    for (size_t i = 0; i < settings_n; i++) {
        const struct setting *s = &settings_table[i];
        if (name.n && !str_is(name, s->name))
            continue;
        owner = principal;
        if ((all ? effective(c, s, principal, &value, &owner, err) : value_of(c, s, principal, &value, err)) < 0)
            return -1;
        if (value.n && (!wanted.n || str_eq(value, wanted)))
            doc_append(list, shown(c->arena, s, value, owner));
    }
    return ecs_put_page_by(c, "settings", list, "name", PAGE_MAX, err);
}
