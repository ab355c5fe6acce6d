#include <sys/random.h>

#include "syscall.h"

#include "draw.h"

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	return __syscall_ret(draw(buf, len, flags));
}
