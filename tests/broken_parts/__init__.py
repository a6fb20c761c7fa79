"""Components that keep the promises of their kind, and such as break one each."""
