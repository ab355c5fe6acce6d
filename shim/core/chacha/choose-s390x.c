/* SPDX-License-Identifier: MIT */
/*
 * The vector facility on s390x, if HWCAP_VXRS (arch/s390/include/asm/elf.h): the processor has it and the
 * kernel saves it.
 */
#define VECTOR CHACHA_VECTOR_VX
#define EXPAND chacha_vx
#define PERMITTED (1ul << 11)
#define LEAST 256
#include "choose-one.h"
