"""The text of a run, counted and encoded by the tasks of a cluster."""
