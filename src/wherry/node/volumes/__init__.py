"""Volumes of pods. A file a type, one list of them: `TYPES`.

interface    what a type is; Context, Mounted and the errors
emptydir, hostpath, configmap, secret, downwardapi, projected, persistent, image      the types
token        service-account tokens, a source of projected volumes
content      volumes that are files from the API, kept up to date: configMap, secret, downwardAPI, projected
files        which files, with which modes (pure)
atomic       write a set of files so that a reader sees the old or the new set, never a mixture
ownership    fsGroup
binding      volumeMounts of a container -> mounts: subPath, subPathExpr
manager      all volumes of a pod: mount, refresh, unmount
"""

from wherry.node.volumes.configmap import ConfigMapVolume
from wherry.node.volumes.downwardapi import DownwardApiVolume
from wherry.node.volumes.emptydir import EmptyDirVolume
from wherry.node.volumes.hostpath import HostPathVolume
from wherry.node.volumes.image import ImageVolume
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed, VolumeType
from wherry.node.volumes.persistent import EphemeralVolume, PersistentVolumeClaimVolume
from wherry.node.volumes.projected import ProjectedVolume
from wherry.node.volumes.secret import SecretVolume

TYPES: list[VolumeType] = [
    EmptyDirVolume(),
    HostPathVolume(),
    ConfigMapVolume(),
    SecretVolume(),
    DownwardApiVolume(),
    ProjectedVolume(),
    PersistentVolumeClaimVolume(),
    EphemeralVolume(),
    ImageVolume(),
]

__all__ = ["TYPES", "Context", "Mounted", "VolumeFailed", "VolumeType"]
