"""What is wrong with objects of networking.k8s.io, in upstream's words."""

import pytest
from apitools import SUBDOMAIN, alone, change_problems, kinds, named, problems

BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
PATH = {"path": "/", "pathType": "Prefix", "backend": BACKEND}


def ingress(*paths, host="a.example", **spec):
    return named(spec={"rules": [{"host": host, "http": {"paths": list(paths or [PATH])}}], **spec})


def policy(**spec):
    return named(spec={"podSelector": {}, **spec})


NEW = [
    (kinds.INGRESS, named(spec={}),
     ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
    (kinds.INGRESS, ingress(PATH | {"path": "x"}),
     ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path']),
    (kinds.INGRESS, ingress(PATH | {"path": "/a/../b"}),
     ["spec.rules[0].http.paths[0].path: Invalid value: \"/a/../b\": must not contain '/../'"]),
    (kinds.INGRESS, ingress(PATH | {"pathType": "Regex"}),
     ['spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", '
      '"ImplementationSpecific", "Prefix"']),
    (kinds.INGRESS, ingress(PATH | {"backend": {}}),
     ['spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required']),
    (kinds.INGRESS, ingress(PATH | {"backend": {"service": {"name": "s", "port": {}}}}),
     ["spec.rules[0].http.paths[0].backend: Required value: port name or number is required"]),
    (kinds.INGRESS, ingress(PATH | {"backend": {"service": {"name": "s", "port": {"number": 1, "name": "a"}}}}),
     ['spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both port name & port number']),
    (kinds.INGRESS, ingress(PATH | {"backend": BACKEND | {"resource": {"kind": "K", "name": "n"}}}),
     ['spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both resource and service '
      "backends"]),
    (kinds.INGRESS, ingress(host="*.a.example", tls=[{"hosts": ["A"]}]),
     ['spec.tls[0].hosts[0]: Invalid value: "A": ' + SUBDOMAIN]),
    (kinds.INGRESS, ingress(host="10.0.0.1"),
     ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address']),
    (kinds.INGRESS, ingress(host="*"),
     ["spec.rules[0].host: Invalid value: \"*\": a wildcard DNS-1123 subdomain must start with '*.', "
      "followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, "
      "'-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for "
      "validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"]),
    (kinds.INGRESS, ingress(ingressClassName="A"),
     ['spec.ingressClassName: Invalid value: "A": ' + SUBDOMAIN]),
    (kinds.INGRESS, ingress(host=""),
     []),
    (kinds.INGRESS_CLASS, alone(spec={"controller": "x"}),
     ['spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']),
    (kinds.INGRESS_CLASS,
     alone(spec={"controller": "e.x/c", "parameters": {"kind": "K", "name": "n", "scope": "Namespace"}}),
     ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]),
    (kinds.NETWORK_POLICY, policy(policyTypes=["Egress", "Out"]),
     ['spec.policyTypes[1]: Unsupported value: "Out": supported values: "Ingress", "Egress"']),
    (kinds.NETWORK_POLICY,
     policy(ingress=[{"ports": [{"port": 0}, {"port": "A"}, {"endPort": 3}, {"port": 5, "endPort": 3}]}]),
     ["spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
      'spec.ingress[0].ports[1].port: Invalid value: "A": must contain only alpha-numeric characters '
      "(a-z, 0-9), and hyphens (-)",
      'spec.ingress[0].ports[1].port: Invalid value: "A": must contain at least one letter (a-z)',
      "spec.ingress[0].ports[2].endPort: Invalid value: 3: may not be specified when `port` is not "
      "specified",
      "spec.ingress[0].ports[3].endPort: Invalid value: 5: must be greater than or equal to `port`"]),
    (kinds.NETWORK_POLICY,
     policy(ingress=[{"from": [{}, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]),
     ["spec.ingress[0].from[0]: Required value: must specify a peer",
      'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict '
      "subset of `cidr`"]),
    (kinds.NETWORK_POLICY, policy(egress=[{"to": [{"podSelector": {}, "ipBlock": {"cidr": "::/0"}}]}]),
     ["spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer"]),
    (kinds.IP_ADDRESS, alone("10.0.0.1", spec={"parentRef": {"resource": "services", "name": "x"}}),
     []),
    (kinds.IP_ADDRESS, alone("a", spec={}),
     ['metadata.name: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      "spec.parentRef: Required value"]),
    (kinds.SERVICE_CIDR, alone(spec={"cidrs": ["10.0.0.0/8", "11.0.0.0/8"]}),
     ['spec.cidrs: Invalid value: ["10.0.0.0/8","11.0.0.0/8"]: may specify no more than one IP for '
      "each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"]),
    (kinds.SERVICE_CIDR, alone(spec={"cidrs": ["10.0.0.1/8"]}),
     ['spec.cidrs[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length']),
]  # fmt: skip

CHANGED = [
    (kinds.INGRESS_CLASS, alone(spec={"controller": "e.x/d"}), alone(spec={"controller": "e.x/c"}), "",
     ['spec.controller: Invalid value: "e.x/d": field is immutable']),
    (kinds.SERVICE_CIDR, alone(spec={"cidrs": ["10.1.0.0/16"]}), alone(spec={"cidrs": ["10.0.0.0/16"]}), "",
     ['spec.cidrs[0]: Invalid value: "10.1.0.0/16": field is immutable']),
    (kinds.INGRESS,
     ingress() | {"status": {"loadBalancer": {"ingress": [{"ip": "a", "hostname": "10.0.0.1"}]}}}, ingress(),
     "status",
     ['status.loadBalancer.ingress[0].ip: Invalid value: "a": must be a valid IP address, (e.g. '
      "10.9.8.7 or 2001:db8::ffff)",
      'status.loadBalancer.ingress[0].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an '
      "IP address"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
