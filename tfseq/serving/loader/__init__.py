"""A program that runs SavedModels as TensorFlow Serving does; see `__main__.py`."""
