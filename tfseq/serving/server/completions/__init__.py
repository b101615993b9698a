"""OpenAI's API of completions, for a language model."""
