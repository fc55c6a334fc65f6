#include "app/echo.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "memory/recycled.h"

namespace zyphos::app {
namespace {

constexpr std::string_view kDefaultType = "application/octet-stream";

class EchoExchange final : public Exchange, public Recycled<EchoExchange> {
 public:
  explicit EchoExchange(const RequestHead& head)
      : content_length_(head.has_body ? head.content_length : 0), ended_(!head.has_body) {
    const Header* type = head.find("content-type");
    const std::string_view value = type == nullptr ? kDefaultType : type->value;
    // A type longer than any registered one is answered as the default: it must outlive the head.
    const std::string_view kept = value.size() <= type_.size() ? value : kDefaultType;
    std::ranges::copy(kept, type_.begin());
    type_size_ = kept.size();
  }

  std::size_t body(Bytes bytes, bool end) override {
    if (begin_ == end_) begin_ = end_ = 0;
    const std::size_t n = std::min(bytes.size(), buffer_.size() - end_);
    if (n > 0) std::memcpy(buffer_.data() + end_, bytes.data(), n);
    end_ += n;
    ended_ = end && n == bytes.size();
    return n;
  }

  Produce produce(Sink& sink, Time) override {
    if (!head_sent_) {
      const std::array<Header, 1> fields{
          Header{.name = "Content-Type", .value = {type_.data(), type_size_}}};
      head_sent_ = sink.head({.status = 200, .headers = fields, .content_length = content_length_});
      if (!head_sent_) return Produce::more;
    }
    begin_ += sink.body(ConstBytes(buffer_).subspan(begin_, end_ - begin_));
    if (begin_ < end_) return Produce::more;
    return ended_ ? Produce::done : Produce::pending;
  }

 private:
  std::optional<std::uint64_t> content_length_;
  bool ended_;
  bool head_sent_ = false;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t type_size_ = 0;
  std::array<char, 128> type_;
  std::array<std::byte, 8192> buffer_;
};

}  // namespace

std::unique_ptr<Exchange> Echo::begin(const RequestHead& head, const ExchangeContext&) {
  return std::make_unique<EchoExchange>(head);
}

}  // namespace zyphos::app
