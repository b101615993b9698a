"""Where ids are kept: in shards that are mapped into memory, and in stores."""
