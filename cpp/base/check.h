// ZY_CHECK: our own bugs end the program with file, line and the condition; on in release.
// ZY_DCHECK: the same for hot loops, compiled out with NDEBUG.
#pragma once

namespace zyphos {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace zyphos

#define ZY_CHECK(condition)                                   \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::zyphos::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#ifdef NDEBUG
#define ZY_DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#else
#define ZY_DCHECK(condition) ZY_CHECK(condition)
#endif
