/* SPDX-License-Identifier: MIT */
/* SIGPIPE and SIGXFSZ, which a write raises in the thread that makes it: held back, so that the program sees none. */
#ifndef REPORT_SIGNALS_H
#define REPORT_SIGNALS_H

#include "compiler.h"

struct signals {
	uint64_t mask;		/* of this thread, before */
	uint64_t pending;	/* before */
};

/* From here on, until signals_restore(), this thread is sent neither. Async-signal-safe. */
HIDDEN void signals_hold(struct signals *before);

/* Takes away what was raised since, if anything. */
HIDDEN void signals_restore(const struct signals *before);

#endif
