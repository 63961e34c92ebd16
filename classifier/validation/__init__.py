"""How well a model does on labelled images that it was not trained on: numbers in, a report out."""
