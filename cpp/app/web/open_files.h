// OpenFiles: files from below the root, kept open for a while where that was asked for, so that a
// file that is asked for often costs no system call to find. What is kept is taken without a look
// for as long as it is fresh; then it is opened once more, and kept on if it is the same.
//
// Thread safety: any thread; one lock, held for a look-up and never across a system call. Cost:
// without a cache openat2, fstat and, at the end, close; with one, mostly none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "app/web/file.h"
#include "app/web/root.h"
#include "base/time.h"

namespace zyphos::web {

// What opening has come to: a file, or a folder's descriptor, or neither.
struct Opened {
  FileRef file = {};
  int folder_fd = -1;  // the taker's to close
  int error = 0;       // errno; EACCES also for what is neither
};

class OpenFiles {
 public:
  // `kept_max`: files; 0: none is kept.
  OpenFiles(const Root& root, std::size_t kept_max, std::int64_t fresh_ns)
      : root_(root), kept_max_(kept_max), fresh_ns_(fresh_ns) {}

  // `path` as Root::open() takes it. `labels` are of the file, should it be one.
  Opened open(const char* path, const Labels& labels, Time now);

 private:
  struct Kept {
    std::string key;
    FileRef file;
    Time looked;
  };

  Opened look(const char* path, const Labels& labels) const;
  FileRef find(const std::string& key, Time now);
  FileRef keep(const std::string& key, FileRef file, Time now);

  const Root& root_;
  std::size_t kept_max_;
  std::int64_t fresh_ns_;
  std::mutex mutex_;
  std::list<Kept> kept_;  // the last used first
  std::unordered_map<std::string_view, std::list<Kept>::iterator> places_;
};

}  // namespace zyphos::web
