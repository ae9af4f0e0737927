/* Arrays on cache lines, included before everything else by set_up.py.

   llama.cpp computes in arrays that it takes with `new uint8_t[]`, and glibc aligns these to 16 bytes only. Where one does not lie at a
   multiple of 32 the starter's prompts are read five to six in a hundred more slowly (AVX-512; measured with every offset), and chance
   decides: what lay on the heap before, down to the length of a source file. The memory comes from glibc as before, so any `delete[]` frees it. */
#if defined(__cplusplus) && defined(__GNUC__) && defined(__linux__) && defined(__x86_64__)
#include <cstdlib>
#include <new>

/* Each library keeps its own: others in the process go on with theirs. <new> declares it for everybody, so that an attribute comes too late. */
__asm__(".hidden _Znam");

__attribute__((weak)) void * operator new[](std::size_t size) {
    void * memory = nullptr;
    if (posix_memalign(&memory, 64, size ? size : 1)) throw std::bad_alloc();
    return memory;
}
#endif
