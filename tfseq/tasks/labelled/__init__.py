"""What text classification and tagging have in common: training on labelled examples."""
