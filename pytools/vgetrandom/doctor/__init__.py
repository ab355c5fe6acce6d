"""Whether the library works on this host, and what one draw costs here."""
