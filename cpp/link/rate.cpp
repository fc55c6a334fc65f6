#include "link/rate.h"

namespace zyphos::link {

Time Rate::send(std::size_t bytes, Time begin) {
  if (bits_per_second_ == 0) return begin;
  if (begin > free_) carried_ = 0;
  using Wide = unsigned __int128;
  const Wide scaled = static_cast<Wide>(bytes) * 8 * kSecond_ns + carried_;
  carried_ = static_cast<std::uint64_t>(scaled % bits_per_second_);
  free_ = begin + static_cast<std::int64_t>(scaled / bits_per_second_);
  return free_;
}

}  // namespace zyphos::link
