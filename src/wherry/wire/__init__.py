"""Codecs: bytes <-> messages, without a socket in sight.

Belongs here: a protocol's framing as pure functions or a push parser. Does not: connections (`aio`).

    channels    Kubernetes' remote-command channels over WebSocket (v4.channel.k8s.io, v5.channel.k8s.io)
    dockertar   docker archives and OCI layouts: the files in them and what they mean
    protobuf    objects as Go clients send them: application/vnd.kubernetes.protobuf
    registry    registry v2 references, challenges, manifests
"""
