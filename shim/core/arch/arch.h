/* SPDX-License-Identifier: MIT */
/*
 * The one place that asks which architecture this is. Each arch/ARCH.h offers:
 *   raw_syscall(nr, a, b, c, d, e, f)	the kernel's answer, -errno on failure: for hosts that have none of their own
 *   arch_vdso_call(entry, ...)		the vDSO's getrandom in its own calling convention, -errno on failure
 *   VDSO_SYMBOL, VDSO_VERSION		its name (arch/ARCH/vdso/vdso.lds.S in the kernel)
 *   vdso_hash_word			the type of DT_HASH entries
 *   PAGE_MAX				the largest page that the kernel can be built with, in bytes
 */
#ifndef ARCH_H
#define ARCH_H

#include <stddef.h>
#include <stdint.h>

typedef long vdso_getrandom(void *buf, size_t len, unsigned int flags, void *state, size_t state_size);

#if defined(__x86_64__) && defined(__LP64__)
#include "x86_64.h"
#elif defined(__aarch64__) && defined(__LP64__)
#include "aarch64.h"
#elif defined(__riscv) && __riscv_xlen == 64
#include "riscv64.h"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#include "powerpc64le.h"
#elif defined(__s390x__)
#include "s390x.h"
#elif defined(__loongarch64)
#include "loongarch64.h"
#else
#error "vgetrandom: no vDSO getrandom on this architecture"
#endif

#endif
