#include "testing/guard_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/check.h"

namespace zyphos::testing {
namespace {

constexpr std::string_view kMisleading =
    "\r\n\r\n0\r\n\r\nGET /padding HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

GuardBuffer::GuardBuffer(std::size_t capacity_bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t usable = (capacity_bytes + kReadPadding + page - 1) / page * page;
  map_bytes_ = usable + page;
  void* map = mmap(nullptr, map_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ZY_CHECK(map != MAP_FAILED);
  map_ = static_cast<std::byte*>(map);
  end_ = map_ + usable;
  ZY_CHECK(mprotect(end_, page, PROT_NONE) == 0);
}

GuardBuffer::~GuardBuffer() { munmap(map_, map_bytes_); }

Bytes GuardBuffer::place(ConstBytes bytes) {
  ZY_CHECK(bytes.size() + kReadPadding <= static_cast<std::size_t>(end_ - map_));
  std::byte* to = end_ - kReadPadding - bytes.size();
  std::ranges::copy(bytes, to);
  std::fill(end_ - kReadPadding, end_, std::byte{'x'});
  std::ranges::copy(as_bytes(kMisleading), end_ - kReadPadding);
  placed_ = {to, bytes.size()};
  return placed_;
}

void GuardBuffer::spoil() { std::ranges::fill(placed_, std::byte{0xdd}); }

}  // namespace zyphos::testing
