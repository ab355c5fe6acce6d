"""Putting the library into services, images, pods and a whole host, and taking it out again."""
