"""Build the vgetrandom library, put it into real programs, and check what happened."""
