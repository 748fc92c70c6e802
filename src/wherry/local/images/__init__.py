"""The small image maker: container images from Debian packages, without a registry.

Packages are downloaded (and verified) by apt and read as archives; nothing is installed, unpacked on the machine's
file system or started. The same packages always give the same bytes.

    recipes    what each image is made of; the one list, `RECIPES`
    packages   which packages that needs, and their downloading
    layers     packages' files -> a layer: trimmed, merged /usr, sorted, without times (pure)
    archive    layers and a config -> a docker archive (pure)
    maker      a recipe's name -> an archive in the cache
"""
