// The exchanges of the web server: one that gives a file or parts of it, and one that gives what
// was made. Both tell the access log how it ended.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "app/web/access.h"
#include "app/web/conditions.h"
#include "app/web/file.h"
#include "app/web/reply.h"
#include "app/web/sending.h"
#include "memory/recycled.h"
#include "protocol/handler.h"

namespace zyphos::web {

// What an exchange tells the logs; all of it outlives it.
struct Telling {
  Log* access = nullptr;
  Log* errors = nullptr;
  Counters* counters = nullptr;
  std::unique_ptr<AccessLine> line;

  void end(std::uint16_t status, std::uint64_t body_bytes);
  // Into the error log: what is wrong, and with what.
  void complain(std::string_view what, std::string_view with) const;
};

// A line of the error log; counts what is lost.
void complain(Log* log, Counters& counters, std::string_view what, std::string_view with);

// A file whole (200), a part of it (206), or only what is said of it (304, HEAD).
class FileExchange final : public Exchange, public Recycled<FileExchange> {
 public:
  FileExchange(FileRef file, std::uint16_t status, Way way, Telling telling)
      : file_(std::move(file)), telling_(std::move(telling)), way_(way), status_(status) {
    if (status == 200) whole_ = {.first = 0, .size = file_->size()};
    left_ = whole_;
  }
  // 206: of one range.
  void part(const ByteRange& range);
  // The head alone (HEAD, 304).
  void head_alone() { head_alone_ = true; }
  ~FileExchange() override { telling_.end(status_, whole_.size - left_.size); }

  std::size_t body(Bytes bytes, bool) override { return bytes.size(); }
  Produce produce(Sink& sink, Time now) override;

 private:
  bool give_head(Sink& sink);
  Produce failed();

  FileRef file_;
  Telling telling_;
  ByteRange whole_{};  // what is to be given
  ByteRange left_{};   // of it
  std::array<char, 80> content_range_;
  std::size_t content_range_size_ = 0;
  Way way_;
  std::uint16_t status_;
  bool head_sent_ = false;
  bool head_alone_ = false;
};

// Several parts of a file (RFC 9110, 14.6).
class PartsExchange final : public Exchange, public Recycled<PartsExchange> {
 public:
  // `boundary`: of what stands in no file.
  PartsExchange(FileRef file, const Ranges& ranges, std::uint64_t boundary, Way way,
                Telling telling);
  void head_alone() { head_alone_ = true; }
  ~PartsExchange() override { telling_.end(206, given_); }

  std::size_t body(Bytes bytes, bool) override { return bytes.size(); }
  Produce produce(Sink& sink, Time now) override;

 private:
  // What stands before the part, or, after the last, behind it.
  std::string between(std::size_t part) const;
  bool give_head(Sink& sink);
  bool give_between(Sink& sink);

  FileRef file_;
  Ranges ranges_;
  Telling telling_;
  std::string boundary_;
  std::string text_;         // of between(), as far as it has not been given
  std::size_t part_ = 0;     // under way
  bool part_begun_ = false;  // its text_ has been made
  Way way_;
  std::uint64_t given_ = 0;
  bool head_sent_ = false;
  bool head_alone_ = false;
};

// What was made.
class ReplyExchange final : public Exchange, public Recycled<ReplyExchange> {
 public:
  ReplyExchange(Reply reply, Telling telling)
      : giving_(std::move(reply)), telling_(std::move(telling)) {}
  ~ReplyExchange() override { telling_.end(giving_.status(), giving_.sent()); }

  std::size_t body(Bytes bytes, bool) override { return bytes.size(); }
  Produce produce(Sink& sink, Time) override { return giving_.produce(sink); }

 private:
  Giving giving_;
  Telling telling_;
};

}  // namespace zyphos::web
