"""The API server: one pipeline from a request to bytes, over any `Store`.

    server       the parts put together; `pipeline` is every request's way as one visible list
    routes       path -> what is asked (verb, kind, namespace, name, sub-resource); `verbs` finds what answers
    registry/    the verbs over stored objects: create, get, list, update, patch, delete, watch
    strategies/  what a kind does differently, a file a group: status split, generation, immutable fields
    admission/   the ordered CHAIN of mutating and validating plug-ins
    authn, authz who asks, and whether they may
    subresources/ scale, status, binding, eviction, token, log, exec, attach, port-forward, proxy
    documents    paths that are no resource: health, version, discovery, openapi, keys, metrics
    hub          the watch hub; `mirror` the decoded copies that rules look at
    encoding     how objects rest: as JSON bytes that answers are made of without looking inside

Objects rest as JSON bytes; a dict is made only to work on one object. State is published after its commit.
"""
