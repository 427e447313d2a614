/*
 * leader_flags.h - the flags by which a component is told how to elect its leader, named as upstream's, for its table.
 *
 *     static struct leader_election election = LEADER_ELECTION_DEFAULT("kube-scheduler");
 *     static const struct flag table[] = { ..., LEADER_ELECTION_FLAGS(election, "kube-scheduler"), ... };
 *     ... if (election.elect) leader_run(client, &election.options, ...)
 */
#ifndef CLIENT_LEADER_FLAGS_H
#define CLIENT_LEADER_FLAGS_H

#include "base/clock.h"
#include "base/flags.h"
#include "client/leader.h"

struct leader_election {
    bool elect;
    struct leader_options options;
};

#define LEADER_ELECTION_DEFAULT(lease)                                                                                 \
    {                                                                                                                  \
        .elect = true, .options = {                                                                                    \
            .ns = "kube-system",                                                                                       \
            .name = lease,                                                                                             \
            .lease_duration_ns = 15 * NS_PER_S,                                                                        \
            .renew_deadline_ns = 10 * NS_PER_S,                                                                        \
            .retry_period_ns = 2 * NS_PER_S                                                                            \
        }                                                                                                              \
    }

/* clang-format off */
#define LEADER_ELECTION_FLAGS(election, lease)                                                                         \
    {FLAG_SECTION, "Leader election", NULL, NULL, NULL, 0, 0},                                                         \
    {FLAG_BOOL, "leader-elect", &(election).elect, NULL, "work only while holding the lease (default true)", 0, 0},    \
    {FLAG_DURATION, "leader-elect-lease-duration", &(election).options.lease_duration_ns, "DURATION", "default 15s",   \
     0, 0},                                                                                                            \
    {FLAG_DURATION, "leader-elect-renew-deadline", &(election).options.renew_deadline_ns, "DURATION", "default 10s",   \
     0, 0},                                                                                                            \
    {FLAG_DURATION, "leader-elect-retry-period", &(election).options.retry_period_ns, "DURATION", "default 2s", 0, 0}, \
    {FLAG_STRING, "leader-elect-resource-name", &(election).options.name, "NAME", "default " lease, 0, 0},             \
    {FLAG_STRING, "leader-elect-resource-namespace", &(election).options.ns, "NAME", "default kube-system", 0, 0},     \
    FLAG_IGNORED_ROW("leader-elect-resource-lock")
/* clang-format on */

#endif
