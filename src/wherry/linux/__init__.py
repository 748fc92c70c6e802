"""The kernel's interfaces as thin calls: no decisions, no Kubernetes.

    netlink   links, addresses, routes, neighbours by rtnetlink (raw messages: 1-2 ms a pod)
    conntrack tracked connections: list, forget
    nlsocket  what every netlink family shares
    netns     make, enter, name and remove network namespaces
    nft       apply nftables text atomically by libnftables
    mounts    mount, unmount, list (/proc/self/mountinfo)
    inotify   be told when something in a directory changes
    cgroupfs  which hierarchies there are; make, write, read, kill and remove a cgroup
    procs     pidfds, capabilities, rlimits

Each module has a small class or functions that a test can record; tests of effects run against the real kernel.
"""
