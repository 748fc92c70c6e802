"""Containers: from a specification to a process tree, through crun (else runc) and conmon.

plan/       pure: specification, image, user and machine -> the OCI runtime's config.json
users       pure: "name:group" against /etc/passwd and /etc/group
tools       which programs there are, and what this machine can do
layout      every path of the engine's state directory
records     what is on disk about a sandbox and a container
launcher    threads in a mount namespace of their own, where root filesystems are mounted
holder      the tiny process that keeps a sandbox's namespaces
bundle      root filesystem, mounts and config.json, just before the runtime reads them
conmon      the monitor that keeps a container's output and exit code
container   one container's life
sandbox     one sandbox's life
sessions/   exec and attach
engine      all of them: the `Engine`
"""
