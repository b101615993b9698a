"""What runs on labelled batches share."""
