// OpenFile: a regular file that is being served, and what is said of it. Held by whoever still
// sends of it; the last one closes it.
//
// Thread safety: the count of holders may change on any thread; map() is called by one at a time.
#pragma once

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "app/web/conditions.h"
#include "base/bytes.h"
#include "memory/recycled.h"
#include "protocol/handler.h"

namespace zyphos::web {

// What tells one state of a file from another.
struct FileFacts {
  explicit FileFacts(const struct stat& from)
      : device(from.st_dev),
        node(from.st_ino),
        size(static_cast<std::uint64_t>(from.st_size)),
        modified_s(from.st_mtim.tv_sec),
        modified_ns(from.st_mtim.tv_nsec) {}
  friend bool operator==(const FileFacts&, const FileFacts&) = default;

  dev_t device;
  ino_t node;
  std::uint64_t size;
  std::int64_t modified_s;
  std::int64_t modified_ns;
};

// What is said of a file besides what it is itself. The texts live longer than any file.
struct Labels {
  std::string_view type;
  std::string_view encoding = {};  // empty: none
  bool varies = false;             // another request may get it in another encoding
};

class OpenFile : public Recycled<OpenFile> {
 public:
  // Takes the descriptor over. Held once.
  OpenFile(int fd, const FileFacts& facts, const Labels& labels);
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  void hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // One more holder, for as long as its bytes are being sent.
  Hold held() {
    hold();
    return {[](void* owner) { static_cast<OpenFile*>(owner)->release(); }, this};
  }

  int fd() const { return fd_; }
  std::uint64_t size() const { return facts_.size; }
  const FileFacts& facts() const { return facts_; }
  std::string_view type() const { return type_; }
  Validators validators() const { return {.etag = etag_, .modified_s = facts_.modified_s}; }
  // Of every answer of it: what field_lines() has, ready to be sent.
  std::span<const Header> headers() const { return std::span(headers_).first(header_count_); }
  std::string_view field_lines() const { return {text_.data(), lines_end_}; }
  // Without the first, the Content-Type: of a 304 or of several ranges.
  std::string_view field_lines_untyped() const { return field_lines().substr(type_end_); }

  // All of it in memory, mapped with the first call; empty where that fails. Not to be read by us:
  // a file that has become shorter would be a SIGBUS; the kernel that sends it says EFAULT.
  ConstBytes map();

 private:
  void line(std::string_view name, std::string_view value);
  void put(std::string_view text);

  static constexpr std::size_t kText_bytes = 512;

  int fd_;
  std::atomic<std::uint32_t> holders_ = 1;
  FileFacts facts_;
  std::string_view type_;
  std::string_view etag_;
  std::array<Header, 6> headers_;
  std::size_t header_count_ = 0;
  std::size_t type_end_ = 0;
  std::size_t lines_end_ = 0;
  const std::byte* mapped_ = nullptr;
  std::array<char, kText_bytes> text_;
};

// A holder.
class FileRef {
 public:
  FileRef() = default;
  // Takes over one hold.
  explicit FileRef(OpenFile* file) : file_(file) {}
  FileRef(const FileRef& other) : file_(other.file_) {
    if (file_ != nullptr) file_->hold();
  }
  FileRef(FileRef&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
  FileRef& operator=(FileRef other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~FileRef() {
    if (file_ != nullptr) file_->release();
  }

  OpenFile* operator->() const { return file_; }
  OpenFile& operator*() const { return *file_; }
  explicit operator bool() const { return file_ != nullptr; }

 private:
  OpenFile* file_ = nullptr;
};

}  // namespace zyphos::web
