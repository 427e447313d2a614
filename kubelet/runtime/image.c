#include "kubelet/runtime/call.h"

int runtime_image_status(struct runtime *rt, const char *image, struct runtime_image *ret, struct err *err)
{
    Cri__ImageSpec spec = CRI__IMAGE_SPEC__INIT;
    Cri__ImageStatusRequest request = CRI__IMAGE_STATUS_REQUEST__INIT;
    _cleanup_(message_freep) Cri__ImageStatusResponse *response = NULL;
    spec.image = (char *)image;
    request.image = &spec;
    if (CALL(rt, ImageService, ImageStatus, image_status, &request, STATUS_MS, &response, err) < 0)
        return -1;
    const Cri__Image *i = response->image;
    if (!i || !text(i->id)[0])
        return err_set(err, ERR_NOT_FOUND, "image \"%s\" is not present", image);
    *ret = (struct runtime_image){
        .id = xstrdup(i->id),
        .uid = i->uid ? i->uid->value : -1,
        .username = xstrdup(text(i->username)),
        .size = i->size,
    };
    return 0;
}

void runtime_image_release(struct runtime_image *i)
{
    free(i->id);
    free(i->username);
    *i = (struct runtime_image){0};
}

int runtime_image_pull(struct runtime *rt, const char *image, const struct runtime_sandbox_spec *sandbox,
                       const struct runtime_auth *auth, char **ret_ref, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIMIT_DOC_ARENA);
    Cri__ImageSpec spec = CRI__IMAGE_SPEC__INIT;
    Cri__AuthConfig config = CRI__AUTH_CONFIG__INIT;
    Cri__PullImageRequest request = CRI__PULL_IMAGE_REQUEST__INIT;
    _cleanup_(message_freep) Cri__PullImageResponse *response = NULL;
    spec.image = (char *)image;
    request.image = &spec;
    request.sandbox_config = config_sandbox(a, sandbox);
    if (auth) {
        config.username = (char *)text(auth->username);
        config.password = (char *)text(auth->password);
        config.auth = (char *)text(auth->auth);
        config.server_address = (char *)text(auth->server);
        config.identity_token = (char *)text(auth->identity_token);
        config.registry_token = (char *)text(auth->registry_token);
        request.auth = &config;
    }
    if (CALL(rt, ImageService, PullImage, pull_image, &request, PULL_MS, &response, err) < 0)
        return -1;
    *ret_ref = xstrdup(text(response->image_ref));
    return 0;
}
