#include "kubelet/node/machine.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#define MEMORY_RESERVED (100 * (int64_t)MIB)

/* The first line of a small file, "" when there is none. */
static void read_line(const char *path, char *out, size_t size)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_SMALL_FILE);
    struct err ignored = ERR_INIT;
    out[0] = '\0';
    if (file_read(path, &b, &ignored) < 0)
        return;
    struct str rest = buf_str(&b), line;
    if (str_split(&rest, '\n', &line))
        (void)str_copy(out, size, str_trim(line));
}

/* NAME="value" in /etc/os-release. */
static void read_os_image(char *out, size_t size)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_SMALL_FILE);
    struct err ignored = ERR_INIT;
    (void)str_copy(out, size, STR("Linux"));
    if (file_read("/etc/os-release", &b, &ignored) < 0)
        return;
    struct str rest = buf_str(&b), line;
    while (str_split(&rest, '\n', &line)) {
        if (!str_starts(line, STR("PRETTY_NAME=")))
            continue;
        line = str_from(line, strlen("PRETTY_NAME="));
        if (line.n >= 2 && line.p[0] == '"')
            line = str_n(line.p + 1, line.n - 2);
        (void)str_copy(out, size, line);
    }
}

void machine_read(struct machine *ret)
{
    struct utsname u;
    read_line("/etc/machine-id", ret->machine_id, sizeof(ret->machine_id));
    read_line("/sys/class/dmi/id/product_uuid", ret->system_uuid, sizeof(ret->system_uuid));
    if (!ret->system_uuid[0])
        memcpy(ret->system_uuid, ret->machine_id, sizeof(ret->system_uuid));
    read_line("/proc/sys/kernel/random/boot_id", ret->boot_id, sizeof(ret->boot_id));
    read_os_image(ret->os_image, sizeof(ret->os_image));
    ret->kernel[0] = ret->arch[0] = ret->hostname[0] = '\0';
    if (uname(&u) == 0) {
        (void)str_copy(ret->kernel, sizeof(ret->kernel), str_of(u.release));
        const char *arch = strcmp(u.machine, "x86_64") == 0    ? "amd64"
                           : strcmp(u.machine, "aarch64") == 0 ? "arm64"
                                                               : u.machine;
        (void)str_copy(ret->arch, sizeof(ret->arch), str_of(arch));
        (void)str_copy(ret->hostname, sizeof(ret->hostname), str_of(u.nodename));
    }
    for (char *p = ret->hostname; *p; p++)
        *p = (char)tolower((unsigned char)*p);
}

/* A line "Name:   123 kB" of /proc/meminfo, in bytes. */
static int64_t meminfo(const char *name)
{
    _cleanup_(buf_releasep) struct buf b = BUF_INIT(LIMIT_SMALL_FILE);
    struct err ignored = ERR_INIT;
    if (file_read("/proc/meminfo", &b, &ignored) < 0)
        return 0;
    struct str rest = buf_str(&b), line, key;
    while (str_split(&rest, '\n', &line)) {
        if (!str_split(&line, ':', &key) || !str_is(key, name))
            continue;
        line = str_trim(line);
        struct str number;
        int64_t kib;
        if (str_split(&line, ' ', &number) && parse_int64(number, &kib))
            return kib * 1024;
    }
    return 0;
}

void machine_capacity(const char *root_dir, int64_t max_pods, struct node_resources *ret)
{
    struct statvfs fs;
    *ret = (struct node_resources){
        .cpu_milli = sysconf(_SC_NPROCESSORS_ONLN) * 1000,
        .memory = meminfo("MemTotal"),
        .pods = max_pods,
    };
    if (statvfs(root_dir, &fs) == 0)
        ret->ephemeral_storage = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
}

struct node_resources machine_allocatable(const struct node_resources *capacity)
{
    struct node_resources r = *capacity;
    r.memory = MAX_OF(r.memory - MEMORY_RESERVED, 0);
    r.ephemeral_storage -= r.ephemeral_storage / 10;
    return r;
}

void machine_pressure(const char *root_dir, struct machine_pressure *ret)
{
    struct statvfs fs;
    char max[32], loads[128];
    int64_t pid_max, tasks = 0;
    *ret = (struct machine_pressure){.memory = meminfo("MemAvailable") < MEMORY_RESERVED};
    if (statvfs(root_dir, &fs) == 0 && fs.f_blocks)
        ret->disk = fs.f_bavail < fs.f_blocks / 10 || (fs.f_files && fs.f_favail < fs.f_files / 20);
    read_line("/proc/sys/kernel/pid_max", max, sizeof(max));
    read_line("/proc/loadavg", loads, sizeof(loads)); /* "0.1 0.1 0.1 2/345 6789": 345 tasks */
    const char *slash = strchr(loads, '/');
    if (slash) {
        struct str rest = str_of(slash + 1), number;
        if (str_split(&rest, ' ', &number) && parse_int64(number, &tasks) && parse_int64(str_of(max), &pid_max))
            ret->pids = tasks > pid_max / 10 * 9;
    }
}

/* Which source address would the kernel use towards far away? Nothing is sent. */
static bool default_route_address(char *out, size_t size)
{
    _cleanup_(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)}, me;
    socklen_t len = sizeof(me);
    inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
    return fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
           getsockname(fd, (struct sockaddr *)&me, &len) == 0 && inet_ntop(AF_INET, &me.sin_addr, out, (socklen_t)size);
}

bool machine_address(char *out, size_t size)
{
    struct ifaddrs *all;
    bool found = default_route_address(out, size);
    if (found || getifaddrs(&all) < 0)
        return found;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
            !(i->ifa_flags & IFF_UP))
            continue;
        found = inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, out, (socklen_t)size);
    }
    freeifaddrs(all);
    return found;
}
