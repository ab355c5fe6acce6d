"""What the ELF files of a program say about its random calls. Nothing here runs a program."""
