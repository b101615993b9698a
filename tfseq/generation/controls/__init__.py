"""What a request may ask of a text beside its randomness: each row with its own."""
