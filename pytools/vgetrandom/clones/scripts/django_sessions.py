"""Prints the key of one new Django session after another, as a login makes it."""

from django.conf import settings

settings.configure(
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
)

from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402 (after the settings)

while True:
    session = SessionStore()
    session.create()
    print(session.session_key, flush=True)
