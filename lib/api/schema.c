#include "api/schema.h"

#include "schema_tables.h"

uint32_t schema_hash(struct str name)
{
    /* Names of one message differ early, late or in length; a few probes more are cheaper than every byte. */
    if (name.n == 0)
        return 0;
    const uint8_t *p = (const uint8_t *)name.p;
    uint32_t h = (uint32_t)name.n + p[0] * 31u + p[name.n / 2] * 1009u + p[name.n - 1] * 8191u + p[name.n / 4] * 131u;
    return h ^ (h >> 7);
}

const struct schema_field *schema_member_slot(const struct schema_message *m, struct str name, uint16_t *ret_slot)
{
    for (uint32_t at = schema_hash(name) & m->hash_mask; m->hash[at] != 0; at = (at + 1) & m->hash_mask) {
        uint16_t slot = (uint16_t)(m->hash[at] - 1);
        const struct schema_field *f = m->slots[slot];
        if (f->json_len == name.n && memcmp(f->json, name.p, name.n) == 0) {
            *ret_slot = slot;
            return f;
        }
    }
    return NULL;
}

const struct schema_field *schema_member(const struct schema_message *m, struct str name)
{
    uint16_t slot;

    return schema_member_slot(m, name, &slot);
}

const struct schema_field *schema_number(const struct schema_message *m, uint32_t number)
{
    size_t low = 0, high = m->n_numbers;

    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct schema_field *f = &m->fields[m->by_number[mid]];
        if (f->number == number)
            return f;
        if (f->number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct schema_field *schema_path(const struct schema_message *m, struct str path)
{
    const struct schema_field *f = NULL;
    struct str segment;

    while (str_split(&path, '.', &segment)) {
        if (f && f->label == SCHEMA_MAP) { /* a key */
            m = f->message;
            if (path.p == NULL || !str_split(&path, '.', &segment))
                return f;
        }
        f = m ? schema_member(m, segment) : NULL;
        if (!f)
            return NULL;
        m = f->message;
    }
    return f;
}

static int kind_compare(const struct schema_kind *k, struct str group, struct str version, struct str kind)
{
    int c = str_cmp(str_of(k->group), group);

    if (c == 0)
        c = str_cmp(str_of(k->version), version);
    return c != 0 ? c : str_cmp(str_of(k->kind), kind);
}

static const struct schema_kind *kind_search(struct str group, struct str version, struct str kind)
{
    size_t low = 0, high = schema_kind_count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = kind_compare(&schema_kind_table[mid], group, version, kind);
        if (c == 0)
            return &schema_kind_table[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct schema_kind *schema_kind_find(struct str group, struct str version, struct str kind)
{
    const struct schema_kind *k = kind_search(group, version, kind);

    return k ? k : kind_search(STR("meta.k8s.io"), STR("v1"), kind);
}

size_t schema_kinds(const struct schema_kind **ret)
{
    *ret = schema_kind_table;
    return schema_kind_count;
}

size_t schema_messages(const struct schema_message *const **ret)
{
    *ret = schema_message_table;
    return schema_message_count;
}
