"""A model's graph as a flat list of core calls, and the recorded steps that train it."""
