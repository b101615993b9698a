"""Whole files of inputs, and what a trained model makes of each."""
