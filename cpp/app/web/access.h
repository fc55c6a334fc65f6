// Access: a line of the access log in the combined format that every tool reads: who, when, what,
// how it ended, from where and by what. Begun with the request, whose views end then; written when
// the answer is over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/web/conditions.h"
#include "app/web/log.h"
#include "memory/recycled.h"
#include "protocol/handler.h"

namespace zyphos::web {

class AccessLine final : public Recycled<AccessLine> {
 public:
  AccessLine(const RequestHead& head, const Asked& asked, const Caller& caller);

  // False: the log had no room.
  bool write(Log& log, std::uint16_t status, std::uint64_t body_bytes) const;

 private:
  void put(std::string_view text);
  void put_quoted(std::string_view text, std::size_t bytes_max);

  static constexpr std::size_t kTarget_bytes_max = 400;
  static constexpr std::size_t kField_bytes_max = 200;
  static constexpr std::size_t kText_bytes = 960;

  std::array<char, kText_bytes> text_;
  std::size_t size_ = 0;
  std::size_t front_ = 0;  // what stands before status and bytes
};

}  // namespace zyphos::web
