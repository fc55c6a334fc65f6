#include "app/web/open_files.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace zyphos::web {

Opened OpenFiles::open(const char* path, const Labels& labels, Time now) {
  if (kept_max_ == 0) return look(path, labels);
  std::string key(path);
  key += labels.encoding.empty() ? '\0' : '\1';  // the same file may be asked for in its own right
  if (FileRef file = find(key, now)) return {.file = std::move(file)};
  Opened opened = look(path, labels);
  if (opened.file) opened.file = keep(key, std::move(opened.file), now);
  return opened;
}

Opened OpenFiles::look(const char* path, const Labels& labels) const {
  const int fd = root_.open(path);
  if (fd < 0) return {.error = errno};
  struct stat facts;
  if (::fstat(fd, &facts) != 0) {
    const int error = errno;
    ::close(fd);
    return {.error = error};
  }
  if (S_ISREG(facts.st_mode)) {
    return {.file = FileRef(new OpenFile(fd, FileFacts(facts), labels))};
  }
  if (S_ISDIR(facts.st_mode)) return {.folder_fd = fd};
  ::close(fd);
  return {.error = EACCES};
}

FileRef OpenFiles::find(const std::string& key, Time now) {
  const std::scoped_lock lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end() || now - found->second->looked > fresh_ns_) return {};
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->file;
}

// The one that is kept already, if the file is still the same.
FileRef OpenFiles::keep(const std::string& key, FileRef file, Time now) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = places_.find(key); found != places_.end()) {
    Kept& kept = *found->second;
    kept.looked = now;
    if (kept.file->facts() != file->facts()) kept.file = std::move(file);
    kept_.splice(kept_.begin(), kept_, found->second);
    return kept.file;
  }
  kept_.push_front({.key = key, .file = std::move(file), .looked = now});
  places_.emplace(kept_.front().key, kept_.begin());
  if (kept_.size() > kept_max_) {
    places_.erase(kept_.back().key);
    kept_.pop_back();
  }
  return kept_.front().file;
}

}  // namespace zyphos::web
