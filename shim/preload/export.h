/* SPDX-License-Identifier: MIT */
/* What this library exports, and what it imports where that exists. */
#ifndef EXPORT_H
#define EXPORT_H

#define EXPORT __attribute__((visibility("default")))

/* In the static archive a weak reference would pull nothing out of libc.a. */
#ifdef STATIC_ARCHIVE
#define WEAK
#else
#define WEAK __attribute__((weak))
#endif

#endif
