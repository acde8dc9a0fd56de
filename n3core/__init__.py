"""N3, Neural Networks from Natural Language: descriptions of classes in, an image classifier out.

The core knows no screen: import from its modules (`n3core.engine`, `n3core.descriptions`, `n3core.evaluate`, ...).
"""
