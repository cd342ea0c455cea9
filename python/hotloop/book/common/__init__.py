"""The package ``common`` of "Deep Learning from Scratch", on compiled kernels; `hotloop.book` says more."""
