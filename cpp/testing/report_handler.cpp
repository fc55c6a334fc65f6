#include "testing/report_handler.h"

#include <algorithm>

namespace zyphos::testing {
namespace {

class ReportExchange final : public Exchange {
 public:
  ReportExchange(const ReportHandler::Options& options, const RequestHead& head, Waker waker)
      : options_(options), waker_(std::move(waker)), waiting_for_end_(head.has_body) {
    report_.append(head.method).append(" ").append(head.target);
    report_.append(" host=").append(head.authority);
    for (const Header& field : head.headers) {
      if (!field.name.starts_with("X-")) continue;
      report_.append(" ").append(field.name).append("=[").append(field.value).append("]");
    }
    report_.append(" body=");
  }

  std::size_t body(Bytes bytes, bool end) override {
    const std::size_t n = std::min(bytes.size(), options_.body_bytes_each);
    report_ += as_text(bytes.first(n));
    if (end && n == bytes.size()) waiting_for_end_ = false;
    return n;
  }

  Produce produce(Sink& sink, Time) override {
    if (waiting_for_end_) return Produce::pending;
    if (wakes_ < options_.wakes) {
      ++wakes_;
      waker_();
      return Produce::pending;
    }
    if (!head_sent_ && !open(sink)) return Produce::more;
    sent_ += sink.body(as_bytes(text_).subspan(sent_));
    return sent_ == text_.size() ? Produce::done : Produce::more;
  }

 private:
  bool open(Sink& sink) {
    if (text_.empty()) {
      for (std::size_t i = 0; i < options_.repeat; ++i) text_ += report_;
    }
    ResponseHead head{.status = options_.status, .headers = {}, .content_length = {}};
    if (options_.with_length) head.content_length = text_.size();
    head_sent_ = sink.head(head);
    return head_sent_;
  }

  ReportHandler::Options options_;
  Waker waker_;
  bool waiting_for_end_;
  std::string report_;
  std::string text_;
  unsigned wakes_ = 0;
  bool head_sent_ = false;
  std::size_t sent_ = 0;
};

}  // namespace

std::unique_ptr<Exchange> ReportHandler::begin(const RequestHead& head,
                                               const ExchangeContext& context) {
  return std::make_unique<ReportExchange>(options_, head, context.wake);
}

}  // namespace zyphos::testing
