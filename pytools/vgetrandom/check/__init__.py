"""Running a command without and with the library, and what the two prove."""
