"""The package ``dataset`` of "Deep Learning from Scratch"; `hotloop.book` says more."""
