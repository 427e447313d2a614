#include "apiserver/auth/pki.h"

#include "net/pki.h"

#define CERT_NAME "apiserver"
#define NAMES_MAX 64

static const char *const always[] = {
    "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
    "127.0.0.1", "::1",
};

int auth_self_signed_cert(const char *cert_dir, const struct str *names, size_t n_names, char **ret_cert_file,
                          char **ret_key_file, struct err *err)
{
    struct str all[NAMES_MAX];
    size_t n = 0;
    for (; n < ARRAY_LEN(always); n++)
        all[n] = str_of(always[n]);
    for (size_t i = 0; i < n_names; i++) {
        if (n == NAMES_MAX)
            return err_set(err, ERR_BAD_REQUEST, "more than %d names for the serving certificate", NAMES_MAX);
        all[n++] = names[i];
    }
    struct pki_request req = {
        .common_name = "apiserver", .names = all, .n_names = n, .usages = CRYPTO_CERT_SERVER, .days = PKI_CERT_DAYS};
    if (pki_ensure(cert_dir, CERT_NAME, NULL, &req, NULL, err) < 0)
        return err_wrap(err, "making a serving certificate in %s", cert_dir);
    *ret_cert_file = xasprintf("%s/" CERT_NAME ".crt", cert_dir);
    *ret_key_file = xasprintf("%s/" CERT_NAME ".key", cert_dir);
    return 0;
}
