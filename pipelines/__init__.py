"""One script per job; in an installed tfseq they are the commands of `tfseq`."""
