#include "app/web/exchanges.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace zyphos::web {
namespace {

// "bytes 0-99/1000"
template <class Text>
std::size_t content_range(Text& to, const ByteRange& range, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes ";
  char* at = std::copy(kUnit.begin(), kUnit.end(), to.data());
  char* const end = to.data() + to.size();
  at = std::to_chars(at, end, range.first).ptr;
  *at++ = '-';
  at = std::to_chars(at, end, range.first + range.size - 1).ptr;
  *at++ = '/';
  at = std::to_chars(at, end, size).ptr;
  return static_cast<std::size_t>(at - to.data());
}

constexpr std::string_view kShorter = "the file has become shorter, or cannot be read";

}  // namespace

void Telling::end(std::uint16_t status, std::uint64_t body_bytes) {
  if (line == nullptr) return;
  if (!line->write(*access, status, body_bytes)) counters->add(Counter::log_lines_lost);
  line.reset();
}

void Telling::complain(std::string_view what, std::string_view with) const {
  web::complain(errors, *counters, what, with);
}

void complain(Log* log, Counters& counters, std::string_view what, std::string_view with) {
  if (log == nullptr) return;
  std::string safe(with);
  std::ranges::replace_if(safe, [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  const std::array<std::string_view, 6> parts{"[", log_time(), "] error: ", what, ": ", safe};
  if (!log->write(parts)) counters.add(Counter::log_lines_lost);
}

// --- a file, or a part of it ---

void FileExchange::part(const ByteRange& range) {
  whole_ = left_ = range;
  content_range_size_ = content_range(content_range_, range, file_->size());
}

bool FileExchange::give_head(Sink& sink) {
  std::array<Header, 8> fields;
  ResponseHead head{.status = status_, .headers = {}, .content_length = whole_.size};
  if (status_ == 200) {
    head.headers = file_->headers();
    head.field_lines = file_->field_lines();
  } else {
    // A 304 says nothing of a content that does not come.
    const auto of_file = file_->headers().subspan(status_ == 304 ? 1 : 0);
    std::size_t count = of_file.size();
    std::ranges::copy(of_file, fields.begin());
    if (content_range_size_ > 0) {
      fields[count++] = {"Content-Range", {content_range_.data(), content_range_size_}};
    }
    head.headers = std::span(fields).first(count);
  }
  if (!head_alone_) {
    if (const auto given = give_small(*file_, left_, way_, head, sink)) {
      if (*given == Given::all) left_.size = 0;
      head_sent_ = *given == Given::all;
      return *given == Given::all;
    }
  }
  head_sent_ = sink.head(head);
  return true;
}

Produce FileExchange::produce(Sink& sink, Time) {
  if (!head_sent_) {
    if (!give_head(sink)) return failed();
    if (!head_sent_) return Produce::more;
  }
  if (head_alone_) return Produce::done;
  switch (give(*file_, left_, way_, sink)) {
    case Given::all: return Produce::done;
    case Given::no_room: return Produce::more;
    case Given::failed: break;
  }
  return failed();
}

Produce FileExchange::failed() {
  telling_.complain(kShorter, file_->type());
  return Produce::failed;
}

// --- parts ---

PartsExchange::PartsExchange(FileRef file, const Ranges& ranges, std::uint64_t boundary, Way way,
                             Telling telling)
    : file_(std::move(file)), ranges_(ranges), telling_(std::move(telling)), way_(way) {
  std::array<char, 17> text;
  const char* end = std::to_chars(text.begin(), text.end(), boundary, 16).ptr;
  boundary_.assign(text.data(), static_cast<std::size_t>(end - text.data()));
}

std::string PartsExchange::between(std::size_t part) const {
  std::string text = "\r\n--" + boundary_;
  if (part == ranges_.count) return text + "--\r\n";
  std::array<char, 80> range;
  const std::size_t size = content_range(range, ranges_.pieces[part], file_->size());
  text += "\r\nContent-Type: " + std::string(file_->type()) + "\r\nContent-Range: ";
  return text + std::string(range.data(), size) + "\r\n\r\n";
}

bool PartsExchange::give_head(Sink& sink) {
  std::uint64_t size = between(ranges_.count).size();
  for (std::size_t i = 0; i < ranges_.count; ++i) {
    size += between(i).size() + ranges_.pieces[i].size;
  }
  const std::string type = "multipart/byteranges; boundary=" + boundary_;
  std::array<Header, 8> fields;
  std::ranges::copy(file_->headers(), fields.begin());
  fields[0] = {"Content-Type", type};
  head_sent_ = sink.head({.status = 206,
                          .headers = std::span(fields).first(file_->headers().size()),
                          .content_length = size});
  return head_sent_;
}

// False: no room for all of it.
bool PartsExchange::give_between(Sink& sink) {
  if (!part_begun_) text_ = between(part_);
  part_begun_ = true;
  const std::size_t n = sink.body(as_bytes(text_));
  given_ += n;
  text_.erase(0, n);
  return text_.empty();
}

Produce PartsExchange::produce(Sink& sink, Time) {
  if (!head_sent_ && !give_head(sink)) return Produce::more;
  if (head_alone_) return Produce::done;
  for (;;) {
    if (!give_between(sink)) return Produce::more;
    if (part_ == ranges_.count) return Produce::done;
    ByteRange& piece = ranges_.pieces[part_];
    const std::uint64_t before = piece.size;
    const Given given = give(*file_, piece, way_, sink);
    given_ += before - piece.size;
    if (given == Given::no_room) return Produce::more;
    if (given == Given::failed) {
      telling_.complain(kShorter, file_->type());
      return Produce::failed;
    }
    ++part_;
    part_begun_ = false;
  }
}

}  // namespace zyphos::web
