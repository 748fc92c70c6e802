"""A cluster on this machine: what `wherry start`, `stop` and `delete` do.

layout      the state directory of a profile: every path in one place
config      the ClusterConfig that `start` writes and everything else reads
network     the bridge, the nodes' network namespaces and addresses, routes from the host
supervisor  keeps the cluster's processes running; adopts them after its own death
doctor      what the machine lacks, and the remedy
images      the small image maker: root filesystems from Debian packages
"""
