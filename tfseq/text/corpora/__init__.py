"""Where text comes from: files, directories, corpora by name."""
