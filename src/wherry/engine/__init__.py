"""The container engine: images and containers, for pods and (later) for Docker's API.

It knows OCI images, bundles, the OCI runtime, cgroups and files; it knows nothing of pods' meaning, of Kubernetes or
of addresses (whoever makes a network namespace hands its path in).

    interface    the vocabulary: Sandbox, ContainerSpec, ContainerStatus, ImageStore, Engine and the errors
    images/      content-addressed store, import and export of archives, pull from registries, unpacked layers
    runtime/     bundles (`plan`: a spec -> config.json), crun or runc through conmon, exits, exec, attach
    cgroups/     names and limits on v1 and v2 (`plan`), statistics, OOM kills
    logs         container logs in the CRI format: write, rotate, read, follow
"""
