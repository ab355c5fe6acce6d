"""How the verbs print: tables, the terminal, pieces of Markdown documents."""
