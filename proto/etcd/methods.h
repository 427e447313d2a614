/* etcd: the gRPC methods, as the :path of a request. */
#ifndef PROTO_ETCD_METHODS_H
#define PROTO_ETCD_METHODS_H

#define ETCD_RANGE "/etcdserverpb.KV/Range"
#define ETCD_RANGE_STREAM "/etcdserverpb.KV/RangeStream" /* streams answers */
#define ETCD_PUT "/etcdserverpb.KV/Put"
#define ETCD_DELETE_RANGE "/etcdserverpb.KV/DeleteRange"
#define ETCD_TXN "/etcdserverpb.KV/Txn"
#define ETCD_COMPACT "/etcdserverpb.KV/Compact"
#define ETCD_WATCH "/etcdserverpb.Watch/Watch" /* streams both ways */
#define ETCD_LEASE_GRANT "/etcdserverpb.Lease/LeaseGrant"
#define ETCD_LEASE_REVOKE "/etcdserverpb.Lease/LeaseRevoke"
#define ETCD_LEASE_KEEP_ALIVE "/etcdserverpb.Lease/LeaseKeepAlive" /* streams both ways */
#define ETCD_LEASE_TIME_TO_LIVE "/etcdserverpb.Lease/LeaseTimeToLive"
#define ETCD_LEASE_LEASES "/etcdserverpb.Lease/LeaseLeases"
#define ETCD_MEMBER_ADD "/etcdserverpb.Cluster/MemberAdd"
#define ETCD_MEMBER_REMOVE "/etcdserverpb.Cluster/MemberRemove"
#define ETCD_MEMBER_UPDATE "/etcdserverpb.Cluster/MemberUpdate"
#define ETCD_MEMBER_LIST "/etcdserverpb.Cluster/MemberList"
#define ETCD_MEMBER_PROMOTE "/etcdserverpb.Cluster/MemberPromote"
#define ETCD_ALARM "/etcdserverpb.Maintenance/Alarm"
#define ETCD_STATUS "/etcdserverpb.Maintenance/Status"
#define ETCD_DEFRAGMENT "/etcdserverpb.Maintenance/Defragment"
#define ETCD_HASH "/etcdserverpb.Maintenance/Hash"
#define ETCD_HASH_KV "/etcdserverpb.Maintenance/HashKV"
#define ETCD_SNAPSHOT "/etcdserverpb.Maintenance/Snapshot" /* streams answers */
#define ETCD_MOVE_LEADER "/etcdserverpb.Maintenance/MoveLeader"
#define ETCD_DOWNGRADE "/etcdserverpb.Maintenance/Downgrade"
#define ETCD_AUTH_ENABLE "/etcdserverpb.Auth/AuthEnable"
#define ETCD_AUTH_DISABLE "/etcdserverpb.Auth/AuthDisable"
#define ETCD_AUTH_STATUS "/etcdserverpb.Auth/AuthStatus"
#define ETCD_AUTHENTICATE "/etcdserverpb.Auth/Authenticate"
#define ETCD_USER_ADD "/etcdserverpb.Auth/UserAdd"
#define ETCD_USER_GET "/etcdserverpb.Auth/UserGet"
#define ETCD_USER_LIST "/etcdserverpb.Auth/UserList"
#define ETCD_USER_DELETE "/etcdserverpb.Auth/UserDelete"
#define ETCD_USER_CHANGE_PASSWORD "/etcdserverpb.Auth/UserChangePassword"
#define ETCD_USER_GRANT_ROLE "/etcdserverpb.Auth/UserGrantRole"
#define ETCD_USER_REVOKE_ROLE "/etcdserverpb.Auth/UserRevokeRole"
#define ETCD_ROLE_ADD "/etcdserverpb.Auth/RoleAdd"
#define ETCD_ROLE_GET "/etcdserverpb.Auth/RoleGet"
#define ETCD_ROLE_LIST "/etcdserverpb.Auth/RoleList"
#define ETCD_ROLE_DELETE "/etcdserverpb.Auth/RoleDelete"
#define ETCD_ROLE_GRANT_PERMISSION "/etcdserverpb.Auth/RoleGrantPermission"
#define ETCD_ROLE_REVOKE_PERMISSION "/etcdserverpb.Auth/RoleRevokePermission"

#endif
