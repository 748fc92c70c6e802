"""A cluster on this machine: what `wherry start`, `stop` and `delete` do.

layout       the state directory of a profile: every path in one place
config       the ClusterConfig that `start` writes and everything else reads
errors       what can go wrong, in words for a user
claims       which profile has which networks, among all on this machine
ports        who listens on a port
doctor       what the machine lacks, and the remedy
network      the bridge, the nodes' network namespaces and addresses, routes from the host
credentials  certificates and kubeconfigs of the parts
start        a cluster's processes, from nothing or from what there is
readiness    waiting until it can be used
status       what runs
teardown     stop and delete
supervisor   keeps the cluster's processes running; adopts them after its own death
images       the small image maker: root filesystems from Debian packages
"""
