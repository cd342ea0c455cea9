"""The calls of a model before there is data: symbols, and the nodes that they leave."""
