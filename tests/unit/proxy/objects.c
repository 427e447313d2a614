#include "objects.h"

#include <stdio.h>
#include <stdlib.h>

static void pack(struct kube_objects *to, const struct kube_kind *kind, const ProtobufCMessage *msg)
{
    struct err err = ERR_INIT;
    struct kube_object *o = NULL;
    size_t n = protobuf_c_message_get_packed_size(msg);
    uint8_t *bytes = xmalloc(n + 1);
    protobuf_c_message_pack(msg, bytes);
    if (kube_object_decode(kind, str_n((char *)bytes, n), &o, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    free(bytes);
    kube_objects_push(to, o);
}

void add_service(struct kube_objects *to, const struct test_service *t)
{
    Corev1__Service s = COREV1__SERVICE__INIT;
    Corev1__ServiceSpec spec = COREV1__SERVICE_SPEC__INIT;
    Corev1__ServicePort port = COREV1__SERVICE_PORT__INIT, *ports[] = {&port};
    Metav1__ObjectMeta meta = METAV1__OBJECT_META__INIT;
    char *external[] = {(char *)t->external_ip};
    meta.namespace_ = (char *)"ns";
    meta.name = (char *)t->name;
    port.name = (char *)t->port_name;
    port.protocol = (char *)t->protocol;
    port.has_port = true;
    port.port = t->port;
    port.has_nodeport = t->node_port != 0;
    port.nodeport = t->node_port;
    spec.ports = ports;
    spec.n_ports = 1;
    spec.clusterip = (char *)t->cluster_ip;
    spec.type = (char *)t->type;
    spec.sessionaffinity = (char *)t->affinity;
    spec.internaltrafficpolicy = (char *)t->internal_policy;
    spec.externaltrafficpolicy = (char *)t->external_policy;
    spec.externalips = external;
    spec.n_externalips = t->external_ip ? 1 : 0;
    s.metadata = &meta;
    s.spec = &spec;
    pack(to, &kube_services, &s.base);
}

#define ENDPOINTS 16

void add_slice(struct kube_objects *to, const char *service, const char *port_name, const char *protocol,
               int port_number, const char *endpoints)
{
    Discoveryv1__EndpointSlice s = DISCOVERYV1__ENDPOINT_SLICE__INIT;
    Discoveryv1__EndpointPort port = DISCOVERYV1__ENDPOINT_PORT__INIT, *ports[] = {&port};
    Discoveryv1__Endpoint e[ENDPOINTS], *list[ENDPOINTS];
    Discoveryv1__EndpointConditions c[ENDPOINTS];
    Metav1__ObjectMeta meta = METAV1__OBJECT_META__INIT;
    Metav1__ObjectMeta__LabelsEntry label = METAV1__OBJECT_META__LABELS_ENTRY__INIT, *labels[] = {&label};
    char *text = xstrdup(endpoints), *save = NULL, *addresses[ENDPOINTS], slice_name[64];
    snprintf(slice_name, sizeof(slice_name), "%s-%zu", service, to->n);
    label.key = (char *)"kubernetes.io/service-name";
    label.value = (char *)service;
    meta.namespace_ = (char *)"ns";
    meta.name = slice_name;
    meta.labels = labels;
    meta.n_labels = 1;
    port.name = (char *)port_name;
    port.protocol = (char *)protocol;
    port.has_port = true;
    port.port = port_number;
    s.metadata = &meta;
    s.addresstype = (char *)"IPv4";
    s.ports = ports;
    s.n_ports = 1;
    s.endpoints = list;
    for (char *word = strtok_r(text, " ", &save); word && s.n_endpoints < ENDPOINTS;
         word = strtok_r(NULL, " ", &save)) {
        size_t i = s.n_endpoints++, n = strcspn(word, "@!~");
        char mark = word[n];
        word[n] = '\0';
        discoveryv1__endpoint__init(&e[i]);
        discoveryv1__endpoint_conditions__init(&c[i]);
        c[i].has_ready = c[i].has_serving = c[i].has_terminating = true;
        c[i].ready = mark != '!' && mark != '~';
        c[i].serving = mark != '!';
        c[i].terminating = mark == '~';
        addresses[i] = word;
        e[i].addresses = &addresses[i];
        e[i].n_addresses = 1;
        e[i].conditions = &c[i];
        e[i].nodename = mark == '@' ? word + n + 1 : NULL;
        list[i] = &e[i];
    }
    pack(to, &kube_endpoint_slices, &s.base);
    free(text);
}
