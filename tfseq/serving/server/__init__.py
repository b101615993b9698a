"""A local server of exported models, and the page that it shows."""
