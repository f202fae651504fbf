"""How results show themselves in notebooks: one file per kind, found by importing the folder."""
