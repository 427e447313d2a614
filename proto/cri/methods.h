/* Container Runtime Interface v1: the gRPC methods, as the :path of a request. */
#ifndef PROTO_CRI_METHODS_H
#define PROTO_CRI_METHODS_H

#define CRI_VERSION "/runtime.v1.RuntimeService/Version"
#define CRI_RUN_POD_SANDBOX "/runtime.v1.RuntimeService/RunPodSandbox"
#define CRI_STOP_POD_SANDBOX "/runtime.v1.RuntimeService/StopPodSandbox"
#define CRI_REMOVE_POD_SANDBOX "/runtime.v1.RuntimeService/RemovePodSandbox"
#define CRI_POD_SANDBOX_STATUS "/runtime.v1.RuntimeService/PodSandboxStatus"
#define CRI_LIST_POD_SANDBOX "/runtime.v1.RuntimeService/ListPodSandbox"
#define CRI_STREAM_POD_SANDBOXES "/runtime.v1.RuntimeService/StreamPodSandboxes" /* streams answers */
#define CRI_CREATE_CONTAINER "/runtime.v1.RuntimeService/CreateContainer"
#define CRI_START_CONTAINER "/runtime.v1.RuntimeService/StartContainer"
#define CRI_STOP_CONTAINER "/runtime.v1.RuntimeService/StopContainer"
#define CRI_REMOVE_CONTAINER "/runtime.v1.RuntimeService/RemoveContainer"
#define CRI_LIST_CONTAINERS "/runtime.v1.RuntimeService/ListContainers"
#define CRI_STREAM_CONTAINERS "/runtime.v1.RuntimeService/StreamContainers" /* streams answers */
#define CRI_CONTAINER_STATUS "/runtime.v1.RuntimeService/ContainerStatus"
#define CRI_UPDATE_CONTAINER_RESOURCES "/runtime.v1.RuntimeService/UpdateContainerResources"
#define CRI_REOPEN_CONTAINER_LOG "/runtime.v1.RuntimeService/ReopenContainerLog"
#define CRI_EXEC_SYNC "/runtime.v1.RuntimeService/ExecSync"
#define CRI_EXEC "/runtime.v1.RuntimeService/Exec"
#define CRI_ATTACH "/runtime.v1.RuntimeService/Attach"
#define CRI_PORT_FORWARD "/runtime.v1.RuntimeService/PortForward"
#define CRI_CONTAINER_STATS "/runtime.v1.RuntimeService/ContainerStats"
#define CRI_LIST_CONTAINER_STATS "/runtime.v1.RuntimeService/ListContainerStats"
#define CRI_STREAM_CONTAINER_STATS "/runtime.v1.RuntimeService/StreamContainerStats" /* streams answers */
#define CRI_POD_SANDBOX_STATS "/runtime.v1.RuntimeService/PodSandboxStats"
#define CRI_LIST_POD_SANDBOX_STATS "/runtime.v1.RuntimeService/ListPodSandboxStats"
#define CRI_STREAM_POD_SANDBOX_STATS "/runtime.v1.RuntimeService/StreamPodSandboxStats" /* streams answers */
#define CRI_UPDATE_RUNTIME_CONFIG "/runtime.v1.RuntimeService/UpdateRuntimeConfig"
#define CRI_STATUS "/runtime.v1.RuntimeService/Status"
#define CRI_CHECKPOINT_CONTAINER "/runtime.v1.RuntimeService/CheckpointContainer"
#define CRI_GET_CONTAINER_EVENTS "/runtime.v1.RuntimeService/GetContainerEvents" /* streams answers */
#define CRI_LIST_METRIC_DESCRIPTORS "/runtime.v1.RuntimeService/ListMetricDescriptors"
#define CRI_LIST_POD_SANDBOX_METRICS "/runtime.v1.RuntimeService/ListPodSandboxMetrics"
#define CRI_STREAM_POD_SANDBOX_METRICS "/runtime.v1.RuntimeService/StreamPodSandboxMetrics" /* streams answers */
#define CRI_RUNTIME_CONFIG "/runtime.v1.RuntimeService/RuntimeConfig"
#define CRI_UPDATE_POD_SANDBOX_RESOURCES "/runtime.v1.RuntimeService/UpdatePodSandboxResources"
#define CRI_LIST_IMAGES "/runtime.v1.ImageService/ListImages"
#define CRI_STREAM_IMAGES "/runtime.v1.ImageService/StreamImages" /* streams answers */
#define CRI_IMAGE_STATUS "/runtime.v1.ImageService/ImageStatus"
#define CRI_PULL_IMAGE "/runtime.v1.ImageService/PullImage"
#define CRI_REMOVE_IMAGE "/runtime.v1.ImageService/RemoveImage"
#define CRI_IMAGE_FS_INFO "/runtime.v1.ImageService/ImageFsInfo"

#endif
