"""Every system on the same images, texts, base network and split, in one run that can be interrupted and resumed."""
