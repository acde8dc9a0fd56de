"""`python -m n3core`, which is also what `accelerate launch -m n3core` runs."""

from n3core.cli import main

main()
