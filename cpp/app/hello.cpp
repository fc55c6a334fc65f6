#include "app/hello.h"

#include "memory/recycled.h"

namespace zyphos::app {
namespace {

constexpr std::string_view kText = "Hello, world!";
// A body of more is sent from where it is.
constexpr std::size_t kCopied_bytes_max = 4096;

class HelloExchange final : public Exchange, public Recycled<HelloExchange> {
 public:
  explicit HelloExchange(const Hello& hello) : hello_(hello) {}

  std::size_t body(Bytes bytes, bool) override { return bytes.size(); }
  Produce produce(Sink& sink, Time) override { return hello_.give(sink, head_sent_, sent_); }

 private:
  const Hello& hello_;
  bool head_sent_ = false;
  std::size_t sent_ = 0;
};

}  // namespace

Hello::Hello(std::size_t response_bytes) {
  while (body_.size() < response_bytes) body_ += kText;
  body_.resize(response_bytes);
}

bool Hello::answer(const RequestHead&, Sink& sink) {
  return body_.size() <= kCopied_bytes_max && sink.whole(head(), as_bytes(body_));
}

std::unique_ptr<Exchange> Hello::begin(const RequestHead&, const ExchangeContext&) {
  return std::make_unique<HelloExchange>(*this);
}

Produce Hello::give(Sink& sink, bool& head_sent, std::size_t& sent) const {
  if (!head_sent) {
    if (!sink.head(head())) return Produce::more;
    head_sent = true;
  }
  const ConstBytes rest = as_bytes(body_).subspan(sent);
  if (rest.size() > kCopied_bytes_max) {
    if (!sink.refer(rest, {})) return Produce::more;
    sent += rest.size();
  } else {
    sent += sink.body(rest);
  }
  return sent == body_.size() ? Produce::done : Produce::more;
}

}  // namespace zyphos::app
