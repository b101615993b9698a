"""What a person can set: rules for values, the command line, configuration files."""
