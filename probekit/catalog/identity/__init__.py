"""What identifies code: the versions of releases and the hashes of syntax."""
