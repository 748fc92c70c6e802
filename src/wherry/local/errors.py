"""What can go wrong with a cluster on this machine. Every message is for a user: what, and what to do about it.

LocalError
├── ChoiceError       what was asked for cannot be
├── ConfigError       a config on disk is damaged
├── NoSuchCluster     there is no profile of that name
├── MachineLacks      a requirement is missing
├── NotPermitted      not root
├── PortInUse         somebody else listens there
├── NotStarted        a process of the cluster did not come up
├── NotRunning        the cluster is stopped, or its API server does not answer
├── NotReady          it did not become ready in time
└── PackageError      packages for an image cannot be found or fetched
"""


class LocalError(Exception): ...


class ChoiceError(LocalError): ...


class ConfigError(LocalError): ...


class NoSuchCluster(LocalError): ...


class MachineLacks(LocalError): ...


class NotPermitted(LocalError): ...


class PortInUse(LocalError): ...


class NotStarted(LocalError): ...


class NotRunning(LocalError): ...


class NotReady(LocalError): ...


class PackageError(LocalError): ...
