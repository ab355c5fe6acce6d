"""What `vgetrandom prototype` knows: a libc's source, the edits that put core/ into it, and how it is built."""
