"""Corpora, manifests and batches of utterances; never models."""
