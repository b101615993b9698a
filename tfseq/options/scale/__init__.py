"""Options of what is shared out: a cluster, the workers of a training, those of a file."""
