/* SPDX-License-Identifier: MIT */
/* VSX on powerpc64le, if PPC_FEATURE_HAS_VSX (arch/powerpc/include/uapi/asm/cputable.h). */
#define VECTOR CHACHA_VECTOR_VSX
#define EXPAND chacha_vsx
#define PERMITTED (1ul << 7)
#define LEAST 256
#include "choose-one.h"
