"""How results look: on a terminal, in a notebook."""
