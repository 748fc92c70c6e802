"""Cluster DNS: names of Services and pods, and forwarding of the rest. Every node runs it.

plan        services and endpoint slices -> records; a question -> an answer (pure)
message     DNS messages to and from bytes
cache       answers kept as bytes
upstream    the machine's resolvers
responder   a question's bytes -> an answer's bytes
listener    UDP and TCP sockets
server      the shell: watches, listens
publish     the service kube-dns and this node's endpoint behind it
"""
