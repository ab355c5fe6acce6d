/* SPDX-License-Identifier: MIT */
/* LSX on loongarch64, if HWCAP_LOONGARCH_LSX (arch/loongarch/include/uapi/asm/hwcap.h). */
#define VECTOR CHACHA_VECTOR_LSX
#define EXPAND chacha_lsx
#define PERMITTED (1ul << 4)
#define LEAST 256
#include "choose-one.h"
