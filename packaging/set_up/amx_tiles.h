/* WORKAROUND GCC PR 114098: before 11.5, 12.4, 13.3 and 14, _tile_loadconfig tells the compiler that it reads eight bytes of its 64, so
   the rest of the configuration may never be written, and the processor stops at ldtilecfg. llama.cpp's AMX kernels then end the process
   on every quantized model (Debian 12's compiler on a Sapphire Rapids, for example). Included before everything else by set_up.py. */
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#include <immintrin.h>
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg\t%X0" ::"m"(*(const char(*)[64])(config)))
#endif
