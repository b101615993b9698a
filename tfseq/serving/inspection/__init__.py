"""What a SavedModel from elsewhere holds."""
