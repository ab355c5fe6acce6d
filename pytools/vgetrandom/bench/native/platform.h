/* SPDX-License-Identifier: MIT */
/* The worker as a host of shim/core, of which it uses the vDSO lookup and the calling conventions. */
#ifndef PLATFORM_H
#define PLATFORM_H

#define CORE_NAME(name) worker_##name
#define core worker_settings
#define core_thread worker_record
#define platform_counts true

extern struct process_settings worker_settings;
extern _Thread_local struct thread_record worker_record;

#endif
