"""From trained weights to a bundle: the only floor that sees models and runtime together."""
