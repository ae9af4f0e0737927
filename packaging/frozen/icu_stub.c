/* The entry point of ICU's data with nothing in it (the layout of ICU's own stubdata), for the ICU 73 that Qt's wheel brings.
 *
 * Qt has tables of its own for locales, letters and line breaks; of ICU it takes collation, which it does without where there is no
 * data. The data of all languages of the world are 32 MB.
 */
#include <stdint.h>

typedef struct {
    uint16_t header_size;
    uint8_t magic1, magic2;
    uint16_t info_size, reserved_word;
    uint8_t is_big_endian, charset_family, unit_size, reserved_byte;
    uint8_t format[4], format_version[4], data_version[4];
    char padding[8];
    uint32_t count, reserved;
    int32_t names_and_data[4];
} Data;

__attribute__((visibility("default"), aligned(16))) const Data icudt73_dat = {
    32, 0xda, 0x27, 20, 0, 0, 0, 2, 0, {0x54, 0x6f, 0x43, 0x50}, {1, 0, 0, 0}, {0, 0, 0, 0}, {0}, 0, 0, {0}};
