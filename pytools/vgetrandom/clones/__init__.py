"""Two clones of one running virtual machine: which generators of random bytes repeat themselves, and for how long?"""
