/* The one list of element types, an X macro: define BURIN_RT_DTYPE, then include this, as often as needed; usable from C.
 * All that lists dtypes is made from it: the C ABI's numbers, burin::Dtype with its facts, files' spellings, generated code.
 *
 * number    in the C ABI and in every saved format: append only, without gaps
 * NAME      BURIN_RT_NAME in C, "NAME" in safetensors; in lower case, its spelling in every text
 * id        enumerator of burin::Dtype
 * kind      boolean, signed_integer, unsigned_integer, floating
 * bits      of one element in memory
 * digits    bits of precision: the significand with its hidden bit; of integers all but the sign
 * exponent  bits of the exponent; 0 for integers
 * dlpack    its type code there
 * host      C++ type of an element (bool is a byte in memory, 0 or 1) */
/* clang-format off */
#ifdef BURIN_RT_DTYPE
/*             number  NAME  id       kind              bits digits exponent dlpack host */
BURIN_RT_DTYPE(0,      BOOL, boolean, boolean,          8,   1,     0,       6,     bool)
BURIN_RT_DTYPE(1,      U8,   u8,      unsigned_integer, 8,   8,     0,       1,     std::uint8_t)
BURIN_RT_DTYPE(2,      I32,  i32,     signed_integer,   32,  31,    0,       0,     std::int32_t)
BURIN_RT_DTYPE(3,      I64,  i64,     signed_integer,   64,  63,    0,       0,     std::int64_t)
BURIN_RT_DTYPE(4,      U32,  u32,     unsigned_integer, 32,  32,    0,       1,     std::uint32_t)
BURIN_RT_DTYPE(5,      BF16, bf16,    floating,         16,  8,     8,       4,     ::burin::bfloat16)
BURIN_RT_DTYPE(6,      F32,  f32,     floating,         32,  24,    8,       2,     float)
BURIN_RT_DTYPE(7,      F64,  f64,     floating,         64,  53,    11,      2,     double)
BURIN_RT_DTYPE(8,      F16,  f16,     floating,         16,  11,    5,       2,     ::burin::float16)
BURIN_RT_DTYPE(9,      I8,   i8,      signed_integer,   8,   7,     0,       0,     std::int8_t)
BURIN_RT_DTYPE(10,     I16,  i16,     signed_integer,   16,  15,    0,       0,     std::int16_t)
BURIN_RT_DTYPE(11,     U16,  u16,     unsigned_integer, 16,  16,    0,       1,     std::uint16_t)
BURIN_RT_DTYPE(12,     U64,  u64,     unsigned_integer, 64,  64,    0,       1,     std::uint64_t)
#undef BURIN_RT_DTYPE
#endif

/* Numbers that are taken: types to come, which are refused by name where they are met in a file or in DLPack. */
#ifdef BURIN_RT_RESERVED_DTYPE
/*                      number NAME         bits dlpack */
BURIN_RT_RESERVED_DTYPE(13,    F8_E4M3,     8,   10)
BURIN_RT_RESERVED_DTYPE(14,    F8_E5M2,     8,   12)
BURIN_RT_RESERVED_DTYPE(15,    F8_E4M3FNUZ, 8,   11)
BURIN_RT_RESERVED_DTYPE(16,    F8_E5M2FNUZ, 8,   13)
BURIN_RT_RESERVED_DTYPE(17,    I4,          4,   0)
BURIN_RT_RESERVED_DTYPE(18,    U4,          4,   1)
BURIN_RT_RESERVED_DTYPE(19,    I2,          2,   0)
BURIN_RT_RESERVED_DTYPE(20,    U2,          2,   1)
BURIN_RT_RESERVED_DTYPE(21,    F4,          4,   17)
#undef BURIN_RT_RESERVED_DTYPE
#endif
