/* SPDX-License-Identifier: MIT */
/* No vectors that this library or this compiler knows. */
#define VECTOR CHACHA_VECTOR_NONE
#define EXPAND NULL
#define PERMITTED 0ul
#define LEAST UINT32_MAX
#include "choose-one.h"
