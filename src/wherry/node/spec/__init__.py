"""From a pod to what the engine makes: sandbox and container specs (pure, beside the engine's own types).

container   a container: image, command, environment, mounts, everything together
sandbox     what the pod's containers share: hostname, namespaces, cgroup, host ports
security    the pod's and the container's security contexts, merged
resources   requests and limits -> shares, quotas, OOM scores, the cgroup tree of QoS classes
files       /etc/hosts and /etc/resolv.conf
"""
