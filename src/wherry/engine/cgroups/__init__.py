"""Resource limits of pods and containers in the kernel's control groups.

plan     pure: names of groups; limits -> values of files, on v1 and v2, and in the OCI runtime's words
groups   the shell: make a pod's group, write values, read usage and OOM kills
"""
