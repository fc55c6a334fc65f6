// Root: the folder that is served, and the only way to files: what is opened lies below it,
// whatever symbolic links say. Linux sees to that (openat2 with RESOLVE_BENEATH, since 5.6); where
// it cannot, names are walked one by one and no link is followed at all.
//
// Thread safety: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zyphos::web {

class Root {
 public:
  // std::system_error: it is no folder, or cannot be opened. `walk`: as where there is no openat2.
  explicit Root(const std::string& folder, bool walk = false);
  ~Root();
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  // A descriptor for reading, which never waits (of a FIFO neither); below 0: errno says why, EXDEV
  // (or ELOOP) where a link leads out. `path` is relative, "" the root; NUL behind it.
  int open(const char* path) const;
  // By walking: links inside the root are refused, too.
  bool walks() const { return walks_; }

 private:
  int walk(const char* path) const;

  int fd_;
  bool walks_;
};

}  // namespace zyphos::web
