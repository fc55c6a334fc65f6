#include "app/report.h"

#include <array>
#include <string>

namespace zyphos::app {
namespace {

constexpr std::array<Header, 1> kFields{Header{.name = "Content-Type", .value = "text/plain"}};

class ReportExchange final : public Exchange {
 public:
  explicit ReportExchange(const RequestHead& head) : ended_(!head.has_body) {
    text_.append("read ").append(head.method).append(" ").append(head.target).append(" ");
  }

  std::size_t body(Bytes bytes, bool end) override {
    body_bytes_ += bytes.size();
    ended_ = end;
    return bytes.size();
  }

  Produce produce(Sink& sink, Time) override {
    if (!ended_) return Produce::pending;
    if (!head_sent_ && !open(sink)) return Produce::more;
    sent_ += sink.body(as_bytes(text_).subspan(sent_));
    return sent_ == text_.size() ? Produce::done : Produce::more;
  }

 private:
  bool open(Sink& sink) {
    if (!whole_) text_.append(std::to_string(body_bytes_)).append("\n");
    whole_ = true;
    head_sent_ = sink.head({.status = 200, .headers = kFields, .content_length = text_.size()});
    return head_sent_;
  }

  bool ended_;          // the request's body has come
  bool whole_ = false;  // the text says so
  bool head_sent_ = false;
  std::uint64_t body_bytes_ = 0;
  std::string text_;
  std::size_t sent_ = 0;
};

}  // namespace

std::unique_ptr<Exchange> Report::begin(const RequestHead& head, const ExchangeContext&) {
  return std::make_unique<ReportExchange>(head);
}

}  // namespace zyphos::app
