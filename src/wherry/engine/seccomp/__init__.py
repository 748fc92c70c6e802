"""System-call filters.

default   the `runtime/default` profile, as data
profile   pure: a profile in Docker's or OCI's JSON form, for one architecture and capability set -> OCI's form
bpf       OCI's form -> the kernel's program by libseccomp, kept on disk
"""
