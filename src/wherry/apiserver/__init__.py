"""The API server: one pipeline from a request to bytes, over any `Store`.

    pipeline     authenticate, authorise, decode, mutate, default, validate, admit, commit, notify: one visible list
    routes       path -> what is asked (verb, kind, namespace, name, sub-resource)
    registry/    the verbs over stored objects: create, get, list, update, patch, delete, watch
    strategies/  what a kind does differently, a file a kind: status split, generation, immutable fields, allocation
    admission/   the ordered CHAIN of mutating and validating plug-ins
    authn, authz who asks, and whether they may
    subresources/ scale, status, binding, eviction, token, log, exec, attach, port-forward, proxy
    discovery, openapi  documents about the API itself
    nodes        the tunnel to a node's own API

Objects rest as JSON bytes; a dict is made only to work on one object. State is published after its commit.
"""
