"""Keys and certificates: a certificate authority on disk, what it issues, and service-account signing keys.

Every private file is made with mode 0600 before its bytes are written. `cryptography` is imported when first needed.

    authority    load or make a CA; issue server and client certificates; the service-account key pair
    identities   who the cluster's components are: user name and groups of each certificate
    files        whole files or none, private files, a lock among processes
"""
