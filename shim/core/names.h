/* SPDX-License-Identifier: MIT */
/*
 * The names that core's files share, under the prefix that the host chooses in platform.h: a program that links
 * the host statically may well have a function called draw_slowly() of its own.
 */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#define bulk_draw CORE_NAME(bulk_draw)
#define chacha_avx2 CORE_NAME(chacha_avx2)
#define chacha_avx512 CORE_NAME(chacha_avx512)
#define chacha_for CORE_NAME(chacha_for)
#define chacha_least CORE_NAME(chacha_least)
#define chacha_lsx CORE_NAME(chacha_lsx)
#define chacha_neon CORE_NAME(chacha_neon)
#define chacha_permitted CORE_NAME(chacha_permitted)
#define chacha_rvv CORE_NAME(chacha_rvv)
#define chacha_sse2 CORE_NAME(chacha_sse2)
#define chacha_system_call_from CORE_NAME(chacha_system_call_from)
#define chacha_system_call_least CORE_NAME(chacha_system_call_least)
#define chacha_vector CORE_NAME(chacha_vector)
#define chacha_vsx CORE_NAME(chacha_vsx)
#define chacha_vx CORE_NAME(chacha_vx)
#define draw_from_kernel CORE_NAME(draw_from_kernel)
#define draw_failed CORE_NAME(draw_failed)
#define draw_slowly CORE_NAME(draw_slowly)
#define draw_start CORE_NAME(draw_start)
#define draw_unusual CORE_NAME(draw_unusual)
#define slots_answered CORE_NAME(slots_answered)
#define slots_claim CORE_NAME(slots_claim)
#define slots_confirm CORE_NAME(slots_confirm)
#define slots_size CORE_NAME(slots_size)
#define slots_still_hold CORE_NAME(slots_still_hold)
#define slots_table CORE_NAME(slots_table)
#define vdso_find CORE_NAME(vdso_find)
#define vdso_parameters CORE_NAME(vdso_parameters)

#endif
