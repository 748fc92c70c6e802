"""The `wherry` command: Minikube's verbs and our own, a file a group of verbs, thin over `local` and `client`."""
