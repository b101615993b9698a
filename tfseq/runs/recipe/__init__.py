"""Parts of a recipe of training: how fast it learns, by which rule, and what it averages."""
