"""Files read whole and written aside: text, tables, results. Knows nothing of models."""
