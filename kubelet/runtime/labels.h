/*
 * labels.h - the labels and annotations on sandboxes and containers; upstream's names, so that either kubelet can pick
 * up what the other has started.
 */
#ifndef KUBELET_RUNTIME_LABELS_H
#define KUBELET_RUNTIME_LABELS_H

#define LABEL_POD_NAME "io.kubernetes.pod.name"
#define LABEL_POD_NAMESPACE "io.kubernetes.pod.namespace"
#define LABEL_POD_UID "io.kubernetes.pod.uid"
#define LABEL_CONTAINER_NAME "io.kubernetes.container.name"

#define ANNOTATION_HASH "io.kubernetes.container.hash"
#define ANNOTATION_RESTARTS "io.kubernetes.container.restartCount"
#define ANNOTATION_MESSAGE_PATH "io.kubernetes.container.terminationMessagePath"
#define ANNOTATION_MESSAGE_POLICY "io.kubernetes.container.terminationMessagePolicy"
#define ANNOTATION_GRACE "io.kubernetes.pod.terminationGracePeriod"
/* Ours: where the termination message file is on the host, for CRI's list of mounts may name it differently. */
#define ANNOTATION_MESSAGE_FILE "coracle.container.terminationMessageFile"

#endif
