"""compile, fit, evaluate and predict: a run over the data, its figures, and warnings that teach."""
