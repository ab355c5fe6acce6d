/* SPDX-License-Identifier: MIT */
/*
 * Looks functions up in a vDSO image with the shim's own code, which is compiled in (shim/core/vdso.c);
 * alone/platform.h is its host.
 * Usage: vdso_lookup IMAGE|own NAME VERSION...	prints an offset in the image, or "none", for each pair
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../shim/core/vdso.h"

struct process_settings alone_settings;		/* for what is in the same file and not called */

/* The file's bytes, with nothing readable behind its last page. */
static const char *map_image(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *image;

	if (fd < 0 || fstat(fd, &status))
		return NULL;
	image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	return image == MAP_FAILED ? NULL : image;
}

int main(int argc, char *argv[])
{
	const char *image;

	if (argc < 2)
		return 2;
	image = strcmp(argv[1], "own") ? map_image(argv[1]) : (const char *)getauxval(AT_SYSINFO_EHDR);
	if (!image) {
		perror(argv[1]);
		return 2;
	}
	for (int i = 2; i + 1 < argc; i += 2) {
		const char *found = vdso_find(image, argv[i], argv[i + 1]);

		if (found)
			printf("%td\n", found - image);
		else
			puts("none");
	}
	return 0;
}
