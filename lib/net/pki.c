#include "net/pki.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"

#define DAY_S ((int64_t)86400)
#define BACKDATE_S 300 /* clocks of other hosts may be a little behind */
#define ORGANIZATION_MAX 256

void pki_pair_release(struct pki_pair *p)
{
    p->cert = crypto_cert_free(p->cert);
    p->key = crypto_key_free(p->key);
}

static int64_t now_s(void)
{
    return clock_wall(&clock_system) / NS_PER_S;
}

static int make_pair(const struct pki_pair *ca, const struct crypto_cert_template *t, struct pki_pair *ret,
                     struct err *err)
{
    _cleanup_(pki_pair_release) struct pki_pair pair = {0};
    if (crypto_key_generate(CRYPTO_EC_P256, &pair.key, err) < 0 ||
        crypto_cert_make(t, pair.key, ca ? ca->cert : NULL, ca ? ca->key : NULL, &pair.cert, err) < 0)
        return -1;
    ret->cert = TAKE(pair.cert);
    ret->key = TAKE(pair.key);
    return 0;
}

int pki_make_ca(const char *common_name, int days, struct pki_pair *ret, struct err *err)
{
    struct crypto_cert_template t = {
        .common_name = str_of(common_name),
        .usages = CRYPTO_CERT_CA,
        .not_before_s = now_s() - BACKDATE_S,
        .not_after_s = now_s() + days * DAY_S,
    };
    return make_pair(NULL, &t, ret, err);
}

static struct crypto_cert_template template_of(const struct pki_request *req)
{
    return (struct crypto_cert_template){
        .common_name = str_of(req->common_name),
        .organizations = req->organizations,
        .n_organizations = req->n_organizations,
        .names = req->names,
        .n_names = req->n_names,
        .usages = req->usages,
        .not_before_s = now_s() - BACKDATE_S,
        .not_after_s = now_s() + (req->days ? req->days : PKI_CERT_DAYS) * DAY_S,
    };
}

int pki_issue(const struct pki_pair *ca, const struct pki_request *req, struct pki_pair *ret, struct err *err)
{
    struct crypto_cert_template t = template_of(req);
    int64_t ca_end = crypto_cert_not_after(ca->cert);
    t.not_after_s = MIN_OF(t.not_after_s, ca_end); /* nothing outlives what vouches for it */
    return make_pair(ca, &t, ret, err);
}

int pki_self_signed(const struct pki_request *req, struct pki_pair *ret, struct err *err)
{
    struct crypto_cert_template t = template_of(req);
    return make_pair(NULL, &t, ret, err);
}

/* --- files --- */

static void wipe_and_release(struct buf *b)
{
    if (b->data)
        crypto_wipe(b->data, b->cap);
    buf_release(b);
}

static int read_named(const char *dir, const char *name, const char *suffix, struct buf *out, struct err *err)
{
    _cleanup_(freep) char *path = xasprintf("%s/%s%s", dir, name, suffix);
    return file_read(path, out, err);
}

static int write_named(const char *dir, const char *name, const char *suffix, struct str content, mode_t mode,
                       struct err *err)
{
    _cleanup_(freep) char *path = xasprintf("%s/%s%s", dir, name, suffix);
    return file_write(path, content, mode, err);
}

int pki_load(const char *dir, const char *name, struct pki_pair *ret, struct err *err)
{
    _cleanup_(pki_pair_release) struct pki_pair pair = {0};
    _cleanup_(buf_releasep) struct buf crt = BUF_INIT(LIMIT_SMALL_FILE);
    _cleanup_(wipe_and_release) struct buf key = BUF_INIT(LIMIT_SMALL_FILE);
    if (read_named(dir, name, ".crt", &crt, err) < 0 || read_named(dir, name, ".key", &key, err) < 0)
        return -1;
    if (crypto_cert_from_pem(buf_str(&crt), &pair.cert, err) < 0 ||
        crypto_key_from_pem(buf_str(&key), &pair.key, err) < 0)
        return err_wrap(err, "%s/%s", dir, name);
    ret->cert = TAKE(pair.cert);
    ret->key = TAKE(pair.key);
    return 0;
}

int pki_save(const char *dir, const char *name, const struct pki_pair *pair, struct err *err)
{
    _cleanup_(buf_releasep) struct buf crt = BUF_INIT(LIMIT_SMALL_FILE);
    _cleanup_(wipe_and_release) struct buf key = BUF_INIT(LIMIT_SMALL_FILE);
    if (crypto_cert_pem(pair->cert, &crt, err) < 0 || crypto_key_private_pem(pair->key, &key, err) < 0)
        return -1;
    /* Key first: a certificate without its key is noticed and made anew, the other way round as well. */
    if (file_mkdirs(dir, 0755, err) < 0 || write_named(dir, name, ".key", buf_str(&key), 0600, err) < 0)
        return -1;
    return write_named(dir, name, ".crt", buf_str(&crt), 0644, err);
}

static bool in_time(const struct crypto_cert *c)
{
    return crypto_cert_not_before(c) <= now_s() && crypto_cert_not_after(c) >= now_s() + PKI_RENEW_DAYS * DAY_S;
}

static bool same_subject(const struct crypto_cert *c, const char *common_name, const struct str *orgs, size_t n_orgs)
{
    _cleanup_(buf_releasep) struct buf text = BUF_INIT(ORGANIZATION_MAX);
    crypto_cert_common_name(c, &text);
    if (!str_is(buf_str(&text), common_name) || crypto_cert_organizations(c) != n_orgs)
        return false;
    for (size_t i = 0; i < n_orgs; i++) {
        bool found = false;
        for (size_t k = 0; k < n_orgs && !found; k++) { /* DER sorts nothing here, but other tools might */
            buf_clear(&text);
            crypto_cert_organization(c, k, &text);
            found = str_eq(buf_str(&text), orgs[i]);
        }
        if (!found)
            return false;
    }
    return true;
}

static bool covers_names(const struct crypto_cert *c, const struct pki_request *req)
{
    for (size_t i = 0; i < req->n_names; i++) {
        _cleanup_(freep) char *name = str_dup(req->names[i]);
        if (!crypto_cert_matches_host(c, name))
            return false;
    }
    return true;
}

bool pki_fits(const struct pki_pair *pair, const struct pki_pair *ca, const struct pki_request *req)
{
    return crypto_cert_matches_key(pair->cert, pair->key) &&
           crypto_cert_signed_by(pair->cert, ca ? ca->cert : pair->cert) && in_time(pair->cert) &&
           same_subject(pair->cert, req->common_name, req->organizations, req->n_organizations) &&
           covers_names(pair->cert, req);
}

static void tell(bool *ret_made, bool made)
{
    if (ret_made)
        *ret_made = made;
}

int pki_ensure_ca(const char *dir, const char *name, const char *common_name, struct pki_pair *ret, bool *ret_made,
                  struct err *err)
{
    _cleanup_(pki_pair_release) struct pki_pair pair = {0};
    struct err why = ERR_INIT;
    bool there = pki_load(dir, name, &pair, &why) == 0;
    if (!there && why.code != ERR_NOT_FOUND) { /* a CA that cannot be read is somebody's, not ours to replace */
        *err = why;
        return -1;
    }
    bool made = !there || !in_time(pair.cert);
    if (!made && !crypto_cert_matches_key(pair.cert, pair.key))
        return err_set(err, ERR_BAD_REQUEST, "%s/%s.crt and %s.key do not belong together", dir, name, name);
    if (made) {
        pki_pair_release(&pair);
        if (pki_make_ca(common_name, PKI_CA_DAYS, &pair, err) < 0 || pki_save(dir, name, &pair, err) < 0)
            return -1;
    }
    ret->cert = TAKE(pair.cert);
    ret->key = TAKE(pair.key);
    tell(ret_made, made);
    return 0;
}

int pki_ensure(const char *dir, const char *name, const struct pki_pair *ca, const struct pki_request *req,
               bool *ret_made, struct err *err)
{
    _cleanup_(pki_pair_release) struct pki_pair pair = {0};
    struct err ignored = ERR_INIT;
    bool made = pki_load(dir, name, &pair, &ignored) < 0 || !pki_fits(&pair, ca, req);
    if (made) {
        pki_pair_release(&pair);
        int made_ok = ca ? pki_issue(ca, req, &pair, err) : pki_self_signed(req, &pair, err);
        if (made_ok < 0 || pki_save(dir, name, &pair, err) < 0)
            return -1;
    }
    tell(ret_made, made);
    return 0;
}

int pki_ensure_key(const char *dir, const char *name, enum crypto_key_kind kind, bool *ret_made, struct err *err)
{
    _cleanup_(wipe_and_release) struct buf private_pem = BUF_INIT(LIMIT_SMALL_FILE);
    _cleanup_(buf_releasep) struct buf public_pem = BUF_INIT(LIMIT_SMALL_FILE);
    _cleanup_(crypto_key_freep) struct crypto_key *key = NULL;
    struct err ignored = ERR_INIT;
    bool made = read_named(dir, name, ".key", &private_pem, &ignored) < 0 ||
                crypto_key_from_pem(buf_str(&private_pem), &key, &ignored) < 0;
    if (made) {
        buf_clear(&private_pem);
        if (crypto_key_generate(kind, &key, err) < 0 || crypto_key_private_pem(key, &private_pem, err) < 0 ||
            file_mkdirs(dir, 0755, err) < 0 || write_named(dir, name, ".key", buf_str(&private_pem), 0600, err) < 0)
            return -1;
    }
    /* The public half always follows from the private one, so it is written whenever it is not exactly that. */
    _cleanup_(buf_releasep) struct buf existing = BUF_INIT(LIMIT_SMALL_FILE);
    if (crypto_key_public_pem(key, &public_pem, err) < 0)
        return -1;
    if ((read_named(dir, name, ".pub", &existing, &ignored) < 0 || !str_eq(buf_str(&existing), buf_str(&public_pem))) &&
        write_named(dir, name, ".pub", buf_str(&public_pem), 0644, err) < 0)
        return -1;
    tell(ret_made, made);
    return 0;
}
