"""A local server of exports: TensorFlow Serving's REST API, and OpenAI's completions."""
