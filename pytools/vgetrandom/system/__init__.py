"""Facts about this host: ELF files, loader cache, vDSO, kernel, programs, Debian's packages."""
