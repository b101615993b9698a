"""Texts and sentences with labels."""
