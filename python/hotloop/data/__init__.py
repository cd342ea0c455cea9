"""What goes into a model, batch by batch."""
