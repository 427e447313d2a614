#include "node_files.h"

#include "run.h"

#include "base/buf.h"
#include "base/file.h"

#include <stdio.h>

#define FILE_MAX 16384

char *node_socket(const struct cluster *c, int k)
{
    return cluster_path(c, "node/%d/containerd.sock", k);
}

/* Why each setting is needed stands in docs/containers.md. */
static int write_config(const struct cluster *c, int k, struct err *err)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(FILE_MAX);
    _cleanup_(freep) char *dir = cluster_path(c, "node/%d", k);
    _cleanup_(freep) char *path = xasprintf("%s/config.toml", dir), *oci = cluster_program(c, "coracle-oci");
    const char *runtime = run_in_path("runc") ? "runc" : "crun";

    buf_printf(&b,
               "# Written by coracle up; changes are lost.\nversion = 2\nroot = \"%s/root\"\nstate = \"%s/state\"\n",
               dir, dir);
    buf_puts(&b, "disabled_plugins = [\"io.containerd.internal.v1.opt\", "
                 "\"io.containerd.tracing.processor.v1.otlp\", \"io.containerd.snapshotter.v1.btrfs\", "
                 "\"io.containerd.snapshotter.v1.zfs\", \"io.containerd.snapshotter.v1.devmapper\", "
                 "\"io.containerd.snapshotter.v1.aufs\"]\n");
    buf_printf(&b, "[grpc]\n  address = \"%s/containerd.sock\"\n[ttrpc]\n  address = \"%s/containerd.sock.ttrpc\"\n",
               dir, dir);
    buf_puts(&b, "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
                 "  sandbox_image = \"coracle.local/pause:1\"\n"
                 "  restrict_oom_score_adj = true\n"
                 "  disable_apparmor = true\n"
                 "  tolerate_missing_hugetlb_controller = true\n"
                 "  netns_mounts_under_state_dir = true\n"
                 "  stream_server_address = \"127.0.0.1\"\n"
                 "  stream_server_port = \"0\"\n"
                 "  max_container_log_line_size = 16384\n");
    buf_printf(
        &b,
        "  [plugins.\"io.containerd.grpc.v1.cri\".cni]\n    bin_dir = \"/usr/lib/cni\"\n    conf_dir = "
        "\"%s/cni/net.d\"\n  [plugins.\"io.containerd.grpc.v1.cri\".registry]\n    config_path = \"%s/certs.d\"\n",
        dir, dir);
    buf_printf(&b,
               "  [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n    snapshotter = \"overlayfs\"\n"
               "    default_runtime_name = \"%s\"\n"
               "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.%s]\n"
               "      runtime_type = \"io.containerd.runc.v2\"\n"
               "      pod_annotations = [\"ulimits.ecs.coracle.dev/*\"]\n"
               "      [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.%s.options]\n"
               "        BinaryName = \"%s\"\n        SystemdCgroup = false\n",
               runtime, runtime, runtime, oci);
    return file_write(path, buf_str(&b), 0600, err);
}

static int write_cni(const struct cluster *c, int k, struct err *err)
{
    _cleanup_(freep) char *path = cluster_path(c, "node/%d/cni/net.d/10-coracle.conflist", k);
    /* libcni keeps results under one fixed folder by network name: each node needs a name of its own. */
    _cleanup_(freep) char *text = xasprintf(
        "{\"cniVersion\":\"1.0.0\",\"name\":\"coracle-%s-%d\",\"plugins\":[\n"
        "{\"type\":\"bridge\",\"bridge\":\"cni0\",\"isGateway\":true,\"ipMasq\":false,\"hairpinMode\":true,\n"
        " \"ipam\":{\"type\":\"host-local\",\"dataDir\":\"%s/node/%d/cni/state\","
        "\"ranges\":[[{\"subnet\":\"" CLUSTER_POD_NET ".%d.0/24\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}},\n"
        "{\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}}]}\n",
        c->name, k, c->dir, k, k);

    return file_write(path, str_of(text), 0600, err);
}

int node_files_write(const struct cluster *c, int k, struct err *err)
{
    static const char *const dirs[] = {"root", "state", "cni/net.d", "cni/state", "certs.d", "kubelet", "logs"};

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        _cleanup_(freep) char *dir = cluster_path(c, "node/%d/%s", k, dirs[i]);
        if (file_mkdirs(dir, 0711, err) < 0)
            return -1;
    }
    if (write_config(c, k, err) < 0)
        return -1;
    return write_cni(c, k, err);
}
