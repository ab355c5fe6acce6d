/* SPDX-License-Identifier: MIT */
/* NEON on aarch64, if HWCAP_ASIMD (arch/arm64/include/uapi/asm/hwcap.h). */
#define VECTOR CHACHA_VECTOR_NEON
#define EXPAND chacha_neon
#define PERMITTED (1ul << 1)
#define LEAST 256
#include "choose-one.h"
