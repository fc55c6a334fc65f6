#include "app/web/file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/http_time.h"

namespace zyphos::web {
namespace {

// "modified-size-nanoseconds", hexadecimal, in quotes: strong as far as the file system's clock
// ticks between two changes.
struct Etag {
  explicit Etag(const FileFacts& facts) {
    *at++ = '"';
    hex(static_cast<std::uint64_t>(facts.modified_s));
    *at++ = '-';
    hex(facts.size);
    *at++ = '-';
    hex(static_cast<std::uint64_t>(facts.modified_ns));
    *at++ = '"';
  }
  void hex(std::uint64_t value) { at = std::to_chars(at, text.end(), value, 16).ptr; }
  std::string_view view() const {
    return {text.data(), static_cast<std::size_t>(at - text.data())};
  }

  std::array<char, 56> text;
  char* at = text.data();
};

}  // namespace

OpenFile::OpenFile(int fd, const FileFacts& facts, const Labels& labels)
    : fd_(fd), facts_(facts), type_(labels.type) {
  line("Content-Type", labels.type);
  type_end_ = lines_end_;
  const HttpTime modified = http_time(facts.modified_s);
  line("Last-Modified", {modified.data(), modified.size()});
  line("ETag", Etag(facts).view());
  etag_ = headers_[header_count_ - 1].value;
  line("Accept-Ranges", "bytes");
  if (!labels.encoding.empty()) line("Content-Encoding", labels.encoding);
  if (labels.varies) line("Vary", "Accept-Encoding");
}

OpenFile::~OpenFile() {
  if (mapped_ != nullptr) ::munmap(const_cast<std::byte*>(mapped_), facts_.size);
  ::close(fd_);
}

// What a long type, from who wrote a table of his own, would not fit into is left out.
void OpenFile::line(std::string_view name, std::string_view value) {
  constexpr std::size_t kOthers_bytes = 256;
  if (value.size() > kText_bytes - kOthers_bytes) return;
  put(name);
  put(": ");
  const std::size_t begin = lines_end_;
  put(value);
  headers_[header_count_++] = {name, {text_.data() + begin, value.size()}};
  put("\r\n");
}

void OpenFile::put(std::string_view text) {
  std::memcpy(text_.data() + lines_end_, text.data(), text.size());
  lines_end_ += text.size();
}

ConstBytes OpenFile::map() {
  if (mapped_ == nullptr) {
    void* memory = ::mmap(nullptr, facts_.size, PROT_READ, MAP_SHARED, fd_, 0);
    if (memory == MAP_FAILED) return {};
    mapped_ = static_cast<const std::byte*>(memory);
  }
  return {mapped_, facts_.size};
}

}  // namespace zyphos::web
