"""Cluster DNS: names of Services and pods, and forwarding of the rest.

plan     services and endpoint slices -> records; a question -> an answer (pure)
server   the shell: UDP and TCP, upstream resolvers, a cache
"""
