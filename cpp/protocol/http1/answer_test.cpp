// Handler::answer: what is answered at once, without an exchange, is the same on the wire.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "protocol/http1/server.h"
#include "testing/one_peer.h"

namespace zyphos::http1 {
namespace {

using testing::OnePeer;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// Gives the same answer at once or through an exchange.
class EitherWay final : public Handler {
 public:
  EitherWay(bool quick, std::uint16_t status, std::string body)
      : quick_(quick), status_(status), body_(std::move(body)) {}

  bool answer(const RequestHead&, Sink& sink) override {
    if (!quick_ || !sink.whole(head(), as_bytes(body_))) return false;
    ++at_once;
    return true;
  }
  std::unique_ptr<Exchange> begin(const RequestHead&, const ExchangeContext&) override {
    return std::make_unique<Slowly>(*this);
  }
  int at_once = 0;

 private:
  class Slowly final : public Exchange {
   public:
    explicit Slowly(const EitherWay& what) : what_(what) {}
    std::size_t body(Bytes bytes, bool) override { return bytes.size(); }
    Produce produce(Sink& sink, Time) override {
      if (!head_given_ && !sink.head(what_.head())) return Produce::more;
      head_given_ = true;
      given_ += sink.body(as_bytes(what_.body_).subspan(given_));
      return given_ == what_.body_.size() ? Produce::done : Produce::more;
    }

   private:
    const EitherWay& what_;
    bool head_given_ = false;
    std::size_t given_ = 0;
  };

  ResponseHead head() const {
    return {.status = status_,
            .headers = fields_,
            .field_lines = quick_ ? "X-A: 1\r\nVary: \r\n" : "",
            .content_length = body_.size()};
  }

  bool quick_;
  std::uint16_t status_;
  std::string body_;
  std::array<Header, 2> fields_{Header{.name = "X-A", .value = "1"},
                                Header{.name = "Vary", .value = ""}};
};

struct Told {
  std::string output;
  std::string ending;
  std::uint64_t requests = 0;
  int at_once = 0;
};

Told told(bool at_once, std::uint16_t status, std::string_view input, std::size_t flush_bytes) {
  EitherWay handler(at_once, status, std::string(700, 'b'));
  ServerOptions options;
  options.constant_fields = "Server: z\r\n";
  OnePeer peer(std::make_unique<Http1Server>(handler, options),
               {.limits = {}, .flush_bytes = flush_bytes});
  peer.feed(input);
  peer.finish();
  return {peer.output(), std::string(peer.ending()),
          peer.around().counters.value(Counter::requests), handler.at_once};
}

// Whatever was asked, whatever the answer, and where its outbox is full on the way.
TEST(Http1Answer, AnAnswerAtOnceIsTheSameToTheByte) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += kGet;
  const std::string one(kGet);
  for (const std::string& input :
       {one, many, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + one,
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + one, "GET / HTTP/1.0\r\n\r\n" + one,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + one}) {
    for (const std::uint16_t status : {200, 204, 304, 599}) {
      for (const std::size_t flush_bytes : {~std::size_t{0}, std::size_t{100}}) {
        SCOPED_TRACE(input.substr(0, 50) + std::to_string(status));
        const Told exchanged = told(false, status, input, flush_bytes);
        const Told given = told(true, status, input, flush_bytes);
        EXPECT_EQ(exchanged.at_once, 0);
        EXPECT_GT(given.at_once, 0);
        EXPECT_EQ(given.output, exchanged.output);
        EXPECT_EQ(given.ending, exchanged.ending);
        EXPECT_EQ(given.requests, exchanged.requests);
      }
    }
  }
}

TEST(Http1Answer, ARequestWithABodyIsNeverAnsweredAtOnce) {
  EitherWay handler(true, 200, "b");
  const ServerOptions options;
  OnePeer peer(std::make_unique<Http1Server>(handler, options));
  peer.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd");
  EXPECT_EQ(handler.at_once, 0);
  EXPECT_TRUE(peer.output().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST(Http1AnswerDeathTest, AnAnswerAtOnceIsOne) {
  class Liar final : public Handler {
    bool answer(const RequestHead&, Sink&) override { return true; }
    std::unique_ptr<Exchange> begin(const RequestHead&, const ExchangeContext&) override {
      return nullptr;
    }
  };
  Liar handler;
  const ServerOptions options;
  OnePeer peer(std::make_unique<Http1Server>(handler, options));
  EXPECT_DEATH(peer.feed(kGet), "head_written");
}

}  // namespace
}  // namespace zyphos::http1
