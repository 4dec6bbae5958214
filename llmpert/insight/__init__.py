"""Explaining predictions: what they rest on, and when to believe them."""
