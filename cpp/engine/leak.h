// Leak: what a careless server would forget of its connections, made on purpose, so that a hunt for
// leaks can be shown to find one. Whatever is forgotten lasts as long as this does.
//
// Thread safety: none; one per accepting thread.
#pragma once

#include <fcntl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "net/fd.h"

namespace zyphos {

enum class Leaked : std::uint8_t {
  descriptor,  // of the connection's socket, which so stays open when the connection has ended
  memory,      // kLeak_bytes of it
};

inline constexpr std::size_t kLeak_bytes = 4096;

struct LeakOptions {
  std::uint64_t every = 0;  // one accepted connection in so many; 0: none
  Leaked what = Leaked::descriptor;
};

class Leak {
 public:
  explicit Leak(const LeakOptions& options) : options_(options) {}

  // A connection was accepted.
  void of(int fd) {
    if (options_.every == 0 || ++connections_ % options_.every != 0) return;
    if (options_.what == Leaked::descriptor) {
      descriptors_.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    } else {
      memory_.push_back(std::make_unique<std::byte[]>(kLeak_bytes));  // zeroed: it is resident
    }
  }

 private:
  LeakOptions options_;
  std::uint64_t connections_ = 0;
  std::vector<Fd> descriptors_;
  std::vector<std::unique_ptr<std::byte[]>> memory_;
};

}  // namespace zyphos
