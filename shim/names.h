/* SPDX-License-Identifier: MIT */
/*
 * Names that this library's files share, under a prefix: a program that links the static archive
 * may well have a function called fail() of its own.
 */
#ifndef NAMES_H
#define NAMES_H

#define all_slots vgetrandom_all_slots
#define bulk_fill vgetrandom_bulk_fill
#define by_system_call vgetrandom_by_system_call
#define chacha_avx2 vgetrandom_chacha_avx2
#define chacha_avx512 vgetrandom_chacha_avx512
#define chacha_for vgetrandom_chacha_for
#define chacha_least vgetrandom_chacha_least
#define chacha_neon vgetrandom_chacha_neon
#define chacha_vector vgetrandom_chacha_vector
#define environment_get vgetrandom_environment_get
#define environment_lists vgetrandom_environment_lists
#define epoch_page vgetrandom_epoch_page
#define fail vgetrandom_fail
#define fail_has_errno vgetrandom_fail_has_errno
#define fill_nothing vgetrandom_fill_nothing
#define fill_slowly vgetrandom_fill_slowly
#define fill_unusual vgetrandom_fill_unusual
#define process_page vgetrandom_process_page
#define process_ready vgetrandom_process_ready
#define process_relocated vgetrandom_process_relocated
#define report_init vgetrandom_report_init
#define report_wanted vgetrandom_report_wanted
#define report_write vgetrandom_report_write
#define slots_claim vgetrandom_slots_claim
#define slots_claim_later vgetrandom_slots_claim_later
#define slots_init vgetrandom_slots_init
#define slots_prepare vgetrandom_slots_prepare
#define slots_publish vgetrandom_slots_publish
#define slots_totals vgetrandom_slots_totals
#define slots_undo vgetrandom_slots_undo
#define slots_watch_forks vgetrandom_slots_watch_forks
#define thread vgetrandom_thread
#define vdso_find vgetrandom_vdso_find

#endif
