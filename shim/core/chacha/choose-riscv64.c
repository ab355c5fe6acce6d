/* SPDX-License-Identifier: MIT */
/*
 * V on riscv64, if COMPAT_HWCAP_ISA_V (arch/riscv/include/uapi/asm/hwcap.h): V 1.0, and allowed by
 * abi.riscv_v_default_allow.
 */
#define VECTOR CHACHA_VECTOR_RVV
#define EXPAND chacha_rvv
#define PERMITTED (1ul << ('V' - 'A'))
#define LEAST 256
#include "choose-one.h"
