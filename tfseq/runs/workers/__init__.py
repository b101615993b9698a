"""Training on several processes: who takes which rows of a batch, and how they agree."""
