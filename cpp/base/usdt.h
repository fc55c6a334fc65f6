// ZY_USDT: named points in a program (USDT) that bpftrace, perf, BPF and gdb can attach to.
//
//   ZY_USDT(request_end, connection_pointer);     // usdt:PROGRAM:zyphos:request_end
//
// Off, a point is one no-op instruction and an ELF note that says where its arguments are; they are
// pointers or integers of 4 or 8 bytes, at most two, and must be at hand: the compiler is asked
// only where they lie (register, memory or constant). On x86-64 the no-op has 5 bytes, which recent
// kernels replace by a call (a trap costs twice that, and a step over another instruction far
// more). That call pushes its return address where a leaf function may keep its locals (the red
// zone of the x86-64 psABI, 3.2.2): code with points is compiled with -mno-red-zone
// (CMakeLists.txt, ZYPHOS_POINTS). No semaphores: a branch would cost more than the no-op.
//
// The note: systemtap wiki, UserSpaceProbeImplementation; elf section .note.stapsdt, type 3. Knows
// neither who attaches nor why. Elsewhere than on x86-64 and arm64 Linux there are no points.
#pragma once

#include <type_traits>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#define ZYPHOS_HAVE_USDT 1
#else
#define ZYPHOS_HAVE_USDT 0
#define ZYPHOS_NO_USDT_REASON "USDT points are written for x86-64 and arm64 Linux"
#endif

namespace zyphos::usdt {

template <class T>
struct Argument {
  T value;
  static constexpr bool kWord = std::is_pointer_v<T> || std::is_integral_v<T>;
};

// As in the note: bytes, negative where signed.
template <class T>
inline constexpr int kSize = static_cast<int>(sizeof(Argument<T>)) * (std::is_signed_v<T> ? -1 : 1);

template <class T>
inline constexpr bool kFits =
    Argument<T>::kWord && (sizeof(Argument<T>) == 4 || sizeof(Argument<T>) == 8);

}  // namespace zyphos::usdt

#if ZYPHOS_HAVE_USDT

#if defined(__x86_64__)
#define ZY_USDT_NOP ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
#else
#define ZY_USDT_NOP "nop\n"
#endif

// "?": the note is dropped with the section that the point is in. The base tells a reader how far
// prelink has moved the addresses.
#define ZY_USDT_TEXT(name, arguments)                                     \
  "990: " ZY_USDT_NOP                                                     \
  ".pushsection .note.stapsdt,\"?\",\"note\"\n"                           \
  ".balign 4\n"                                                           \
  ".4byte 992f-991f, 994f-993f, 3\n"                                      \
  "991: .asciz \"stapsdt\"\n"                                             \
  "992: .balign 4\n"                                                      \
  "993: .8byte 990b\n"                                                    \
  ".8byte _.stapsdt.base\n"                                               \
  ".8byte 0\n"                                                            \
  ".asciz \"zyphos\"\n"                                                   \
  ".asciz \"" #name                                                       \
  "\"\n"                                                                  \
  ".asciz \"" arguments                                                   \
  "\"\n"                                                                  \
  "994: .balign 4\n"                                                      \
  ".popsection\n"                                                         \
  ".ifndef _.stapsdt.base\n"                                              \
  ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
  ".weak _.stapsdt.base\n"                                                \
  ".hidden _.stapsdt.base\n"                                              \
  "_.stapsdt.base: .space 1\n"                                            \
  ".size _.stapsdt.base, 1\n"                                             \
  ".popsection\n"                                                         \
  ".endif\n"

#define ZY_USDT_1(name, a)                                                                  \
  do {                                                                                      \
    static_assert(::zyphos::usdt::kFits<std::decay_t<decltype(a)>>);                        \
    asm volatile(                                                                           \
        ZY_USDT_TEXT(name, "%c[zy_n1]@%[zy_a1]")                                            \
        :                                                                                   \
        : [zy_n1] "n"(::zyphos::usdt::kSize<std::decay_t<decltype(a)>>), [zy_a1] "nor"(a)); \
  } while (false)

#define ZY_USDT_2(name, a, b)                                                               \
  do {                                                                                      \
    static_assert(::zyphos::usdt::kFits<std::decay_t<decltype(a)>>);                        \
    static_assert(::zyphos::usdt::kFits<std::decay_t<decltype(b)>>);                        \
    asm volatile(                                                                           \
        ZY_USDT_TEXT(name, "%c[zy_n1]@%[zy_a1] %c[zy_n2]@%[zy_a2]")                         \
        :                                                                                   \
        : [zy_n1] "n"(::zyphos::usdt::kSize<std::decay_t<decltype(a)>>), [zy_a1] "nor"(a),  \
          [zy_n2] "n"(::zyphos::usdt::kSize<std::decay_t<decltype(b)>>), [zy_a2] "nor"(b)); \
  } while (false)

#else

#define ZY_USDT_1(name, a) static_cast<void>(sizeof(a))
#define ZY_USDT_2(name, a, b) (static_cast<void>(sizeof(a)), static_cast<void>(sizeof(b)))

#endif

#define ZY_USDT_PICK(one, two, chosen, ...) chosen
// name, one or two arguments.
#define ZY_USDT(name, ...) ZY_USDT_PICK(__VA_ARGS__, ZY_USDT_2, ZY_USDT_1, )(name, __VA_ARGS__)
