/* Two repairs of llama.cpp's AMX kernels, included before everything else by set_up.py.

   GCC PR 114098: before 11.5, 12.4, 13.3 and 14, _tile_loadconfig tells the compiler that it reads eight bytes of its 64, so the rest of the
   configuration may never be written, and the processor stops at ldtilecfg (Debian 12's compiler on a Sapphire Rapids, for example).

   llama.cpp configures the tiles once a thread. Another library in the same thread (torch's oneDNN or MKL) configures them for itself and
   releases them when it is done: llama.cpp's next product then ends the process with an illegal instruction. So the configuration is loaded
   before every product; that costs a few dozen cycles. */
#if defined(__cplusplus) && defined(__AMX_TILE__) && defined(__GNUC__)
#include <immintrin.h>
#include <string.h>

static thread_local char yanmo_tile_configuration[64];

static inline void yanmo_load_tiles(void) {
    __asm__ volatile("ldtilecfg\t%0" ::"m"(yanmo_tile_configuration));
}

static inline void yanmo_keep_tiles(const void * configuration) {
    memcpy(yanmo_tile_configuration, configuration, sizeof yanmo_tile_configuration);
    yanmo_load_tiles();
}

#undef _tile_loadconfig
#define _tile_loadconfig(configuration) yanmo_keep_tiles(configuration)

/* The definition, `ggml_tile_config_init(void)`, gets another name; a call, `ggml_tile_config_init()`, loads what the first one kept. */
#define ggml_tile_config_init(nothing) YANMO_TILES_##nothing
#define YANMO_TILES_void ggml_tile_config_init_once(void)
#define YANMO_TILES_ (ggml_tile_config_init_once(), yanmo_load_tiles())
#endif
