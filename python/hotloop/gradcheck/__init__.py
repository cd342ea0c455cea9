"""Gradients by central differences, and what is wrong with a backward that disagrees with them."""
