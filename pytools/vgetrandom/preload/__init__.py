"""Where the library is, how it is built, how a program is started with it, and what it says at exit."""
