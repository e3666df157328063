"""One file, one run: a frozen configuration on top, `main(config)` below. `viva train NAME` lists and runs them."""
