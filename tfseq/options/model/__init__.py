"""Options of a model: its layers, how they are connected, and its output layer."""
