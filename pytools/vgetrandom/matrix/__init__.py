"""The conformance suite on kernels, architectures and libcs that this host does not run, each in a QEMU guest."""
