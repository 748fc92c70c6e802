"""The image store: content-addressed, shared by every engine on the machine, safe against kill -9 at any moment.

store     the `ImageStore`: find, load, pull, remove
index     which images and names there are: one file, replaced whole under a lock
blobs     bytes by digest, verified while they are written
unpack    a layer's tar -> a folder that overlayfs can use
streams   gzip and zstd
archive   docker archives and OCI layouts -> the store
registry  a registry's protocol over HTTP
pull      from a registry -> the store
garbage   what nothing names any more, and what a crash left

<images>/index.json         names, images, their layers
<images>/blobs/<hex>        configs, manifests, layers as they came
<images>/layers/<chain>     unpacked layers, by what they stand on
<images>/uses/<image>/<n>   a container's folder, by symlink: keeps the layers while the folder is there
<images>/tmp/               everything unfinished
<images>/lock, work         flock: the index while it changes; shared while somebody imports, so that no garbage
                            collection takes what is not named yet
"""
