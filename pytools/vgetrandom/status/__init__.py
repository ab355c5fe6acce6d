"""Which running processes have the library, and what it does in them."""
