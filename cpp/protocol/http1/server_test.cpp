// The server beyond what the wire cases (wire_test.cpp) show: time, handlers that wait, brake or
// fail, framing of responses.
#include "protocol/http1/server.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "testing/one_peer.h"
#include "testing/report_handler.h"
#include "testing/splits.h"

namespace zyphos::http1 {
namespace {

using testing::OnePeer;
using testing::ReportHandler;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view kPost = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";

// An application made of two functions.
class Lambda final : public Handler {
 public:
  using Answer = std::function<Produce(Sink&)>;
  explicit Lambda(Answer answer) : answer_(std::move(answer)) {}
  std::unique_ptr<Exchange> begin(const RequestHead&, const ExchangeContext&) override {
    struct One final : Exchange {
      One(Answer& what, int& gone) : answer(what), ended(gone) {}
      ~One() override { ++ended; }
      std::size_t body(Bytes bytes, bool) override { return bytes.size(); }
      Produce produce(Sink& sink, Time) override { return answer(sink); }
      Answer& answer;
      int& ended;
    };
    ++begun;
    return std::make_unique<One>(answer_, ended);
  }
  int begun = 0;
  int ended = 0;

 private:
  Answer answer_;
};

struct Served {
  explicit Served(Handler& handler, const ServerOptions& with = {},
                  const testing::OnePeerOptions& driving = {})
      : options(with), peer(std::make_unique<Http1Server>(handler, options), driving) {}
  ServerOptions options;
  OnePeer peer;
};

Produce whole(Sink& sink, const ResponseHead& head, std::string_view body) {
  if (!sink.head(head)) return Produce::more;
  return sink.body(as_bytes(body)) == body.size() ? Produce::done : Produce::failed;
}

TEST(Http1Server, TheWholeAnswerToTheByte) {
  const std::array<Header, 1> fields{Header{.name = "Content-Type", .value = "text/plain"}};
  Lambda handler([&](Sink& sink) {
    return whole(sink, {.status = 200, .headers = fields, .content_length = 2}, "hi");
  });
  ServerOptions options;
  options.constant_fields = "Server: zyphos\r\n";
  Served served(handler, options);
  served.peer.feed(kGet);
  EXPECT_EQ(served.peer.output(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: zyphos\r\n"
            "Content-Length: 2\r\n\r\nhi");
  EXPECT_EQ(served.peer.send_calls(), 1U);
  EXPECT_EQ(served.peer.around().counters.value(Counter::requests), 1U);
}

// Heads of the same bytes, nearly the same, and one that ends where the other goes on.
TEST(Http1Server, KnownHeadsAreAnsweredAsIfTheyWereRead) {
  const std::string get(kGet);
  const std::string post(kPost);
  std::string input = get + get + "GET /a HTTP/1.1\r\nHost: a\r\n\r\n" + get + get;
  input += post + "body" + post + "BODY" + get;
  input += "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n" + get + "GET / HTTP/1.1\r\nHost: a\r\n\n";
  std::string answers[2];
  for (const bool known : {false, true}) {
    ReportHandler handler;
    ServerOptions options;
    options.known_heads = known;
    Served served(handler, options);
    served.peer.feed(input);
    EXPECT_EQ(served.peer.around().counters.value(Counter::requests), 10U);
    EXPECT_EQ(served.peer.slot().error(), Errc::bad_header);
    answers[known ? 1 : 0] = served.peer.output();
  }
  EXPECT_EQ(answers[0], answers[1]);
}

TEST(Http1Server, ManyPipelinedRequestsAreOneSend) {
  ReportHandler handler;
  Served served(handler);
  std::string input;
  for (int i = 0; i < 50; ++i) input += kGet;
  served.peer.feed(input);
  EXPECT_EQ(served.peer.send_calls(), 1U);
  EXPECT_EQ(served.peer.around().counters.value(Counter::requests), 50U);
  EXPECT_EQ(served.peer.around().counters.value(Counter::bytes_copied), 0U);
}

TEST(Http1Server, UnknownLengthIsChunked) {
  ReportHandler handler({.with_length = false});
  Served served(handler);
  served.peer.feed(kGet);
  EXPECT_EQ(served.peer.output(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "12\r\nGET / host=a body=\r\n0\r\n\r\n");
  EXPECT_EQ(served.peer.ending(), "open");
}

TEST(Http1Server, UnknownLengthToHttp10EndsWithTheConnection) {
  ReportHandler handler({.with_length = false});
  Served served(handler);
  served.peer.feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(served.peer.output(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nGET / host= body=");
  EXPECT_EQ(served.peer.ending(), "close");
}

TEST(Http1Server, NoContentHasNeitherBodyNorLength) {
  for (const std::uint16_t status : {204, 304}) {
    ReportHandler handler({.status = status});
    Served served(handler);
    served.peer.feed(kGet);
    const std::string head = status == 204 ? "204 No Content" : "304 Not Modified";
    EXPECT_EQ(served.peer.output(), "HTTP/1.1 " + head + "\r\n\r\n");
    EXPECT_EQ(served.peer.ending(), "open");
  }
}

TEST(Http1Server, AStatusWithoutAReasonHasNone) {
  Lambda handler([](Sink& sink) {
    return whole(sink, {.status = 299, .headers = {}, .content_length = 0}, "");
  });
  Served served(handler);
  served.peer.feed(kGet);
  EXPECT_EQ(served.peer.output(), "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
}

TEST(Http1Server, LargeResponsesWaitForRoom) {
  for (const bool with_length : {true, false}) {
    ReportHandler handler({.with_length = with_length, .repeat = 10'000});
    Served served(handler, {}, {.limits = {}, .flush_bytes = 1000});
    served.peer.feed(std::string(kGet) + std::string(kGet));
    EXPECT_GT(served.peer.output().size(), 2 * 180'000U);
    EXPECT_EQ(served.peer.around().counters.value(Counter::requests), 2U);
  }
}

TEST(Http1Server, ABrakingHandlerSeesEveryByteOnce) {
  ReportHandler handler({.body_bytes_each = 3});
  const std::string body(1000, 'b');
  for (const bool chunked : {false, true}) {
    Served served(handler);
    served.peer.feed(chunked ? "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3e8\r\n" +
                                   body + "\r\n0\r\n\r\n"
                             : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + body);
    EXPECT_NE(served.peer.output().find("body=" + body), std::string::npos);
    EXPECT_EQ(served.peer.ending(), "open");
  }
}

TEST(Http1Server, AnAsynchronousHandlerIsAskedWhenItWakes) {
  ReportHandler handler({.wakes = 2});
  Served served(handler);
  served.peer.feed(std::string(kGet) + std::string(kGet));
  EXPECT_EQ(served.peer.output(), "");
  EXPECT_EQ(served.peer.deliver_wakes(), 1U);
  EXPECT_EQ(served.peer.output(), "");
  EXPECT_EQ(served.peer.deliver_wakes(), 1U);
  EXPECT_NE(served.peer.take_output(), "");
  while (served.peer.deliver_wakes() > 0) {
  }
  EXPECT_NE(served.peer.output(), "");
  EXPECT_EQ(served.peer.around().counters.value(Counter::requests), 2U);
}

TEST(Http1Server, WaitingForItsHandlerItNeverTimesOut) {
  ReportHandler handler({.wakes = 1});
  Served served(handler);
  served.peer.feed(kGet);
  EXPECT_TRUE(served.peer.slot().deadline().is_never());
}

// --- endings ---

TEST(Http1Server, ALostPeerCancelsTheExchange) {
  Lambda handler([](Sink&) { return Produce::pending; });
  Served served(handler);
  served.peer.feed(kGet);
  EXPECT_EQ(handler.begun, 1);
  EXPECT_EQ(handler.ended, 0);
  served.peer.lose();
  EXPECT_EQ(handler.ended, 1);
  EXPECT_EQ(served.peer.slot().error(), Errc::peer_reset);
}

TEST(Http1Server, AHandlerThatFailsBeforeItsHeadIs500) {
  Lambda handler([](Sink&) { return Produce::failed; });
  Served served(handler);
  served.peer.feed(kGet);
  EXPECT_TRUE(served.peer.output().starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
  EXPECT_EQ(served.peer.ending(), "close");
  EXPECT_EQ(served.peer.slot().error(), Errc::handler_failed);
}

TEST(Http1Server, AHandlerThatFailsAfterItsHeadIsAborted) {
  const auto give = [](std::string_view body, Produce last) {
    return [=](Sink& sink) {
      sink.head({.status = 200, .headers = {}, .content_length = 5});
      sink.body(as_bytes(body));
      return last;
    };
  };
  for (const auto& answer :
       {give("abc", Produce::failed), give("abc", Produce::done), give("abcdef", Produce::done)}) {
    Lambda handler(answer);
    Served served(handler);
    served.peer.feed(kGet);
    EXPECT_EQ(served.peer.ending(), "abort");
    EXPECT_EQ(served.peer.slot().error(), Errc::handler_failed);
    EXPECT_EQ(served.peer.around().counters.value(Counter::requests), 0U);
  }
}

TEST(Http1Server, AHeadThatFitsNoOutboxIs500) {
  const std::string huge(20'000, 'x');
  const std::array<Header, 1> fields{Header{.name = "X", .value = huge}};
  Lambda handler([&](Sink& sink) {
    return whole(sink, {.status = 200, .headers = fields, .content_length = 0}, "");
  });
  Served served(handler);
  served.peer.feed(kGet);
  EXPECT_TRUE(served.peer.output().starts_with("HTTP/1.1 500 "));
}

TEST(Http1Server, ABodyNobodyReadIsSkipped) {
  Lambda handler([](Sink& sink) {
    return whole(sink, {.status = 200, .headers = {}, .content_length = 0}, "");
  });
  Served served(handler);
  served.peer.feed(kPost);
  EXPECT_NE(served.peer.take_output(), "");
  served.peer.feed(std::string("body") + std::string(kGet));
  EXPECT_EQ(served.peer.around().counters.value(Counter::requests), 2U);
  EXPECT_EQ(served.peer.ending(), "open");
}

TEST(Http1Server, AnEndlessBodyNobodyReadsEndsTheConnection) {
  Lambda handler([](Sink& sink) {
    return whole(sink, {.status = 200, .headers = {}, .content_length = 0}, "");
  });
  Served served(handler);
  served.peer.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  for (int i = 0; i < 10 && served.peer.ending() == "open"; ++i) {
    served.peer.feed(std::string(100'000, 'x'));
  }
  EXPECT_EQ(served.peer.ending(), "close");
}

TEST(Http1Server, ABodyBeyondTheLimitIs413) {
  ReportHandler handler;
  ServerOptions options;
  options.body_bytes_max = 10;
  for (const char* request : {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
                              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                              "chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef"}) {
    Served served(handler, options);
    served.peer.feed(request);
    EXPECT_TRUE(served.peer.output().starts_with("HTTP/1.1 413 ")) << served.peer.output();
    EXPECT_EQ(served.peer.slot().error(), Errc::body_too_large);
  }
}

// --- time ---

TEST(Http1Server, AnIdleConnectionIsClosedWithoutAWord) {
  ReportHandler handler;
  Served served(handler);
  served.peer.feed(kGet);
  served.peer.take_output();
  EXPECT_EQ(served.peer.slot().deadline(), served.peer.now() + served.options.idle_timeout_ns);
  served.peer.at(served.peer.slot().deadline());
  EXPECT_EQ(served.peer.output(), "");
  EXPECT_EQ(served.peer.ending(), "close");
  EXPECT_EQ(served.peer.slot().error(), Errc::idle_timeout);
}

TEST(Http1Server, AHeadThatTricklesInIs408) {
  ReportHandler handler;
  Served served(handler);
  served.peer.feed("GET / HT");
  const Time due = served.peer.slot().deadline();
  EXPECT_EQ(due, served.peer.now() + served.options.header_timeout_ns);
  served.peer.at(Time{due.ns - 1});
  served.peer.feed("T");
  EXPECT_EQ(served.peer.slot().deadline(), due);  // trickling does not extend it
  served.peer.at(due);
  EXPECT_TRUE(served.peer.output().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_EQ(served.peer.slot().error(), Errc::request_timeout);
}

TEST(Http1Server, ABodyThatStopsIs408) {
  ReportHandler handler;
  Served served(handler);
  served.peer.feed(kPost);
  served.peer.at(served.peer.slot().deadline());
  EXPECT_TRUE(served.peer.output().starts_with("HTTP/1.1 408 "));
}

// Its trickling keeps the connection from being idle, and still it has an end.
TEST(Http1Server, ABodyThatTricklesInIs408) {
  ReportHandler handler;
  ServerOptions options;
  options.body_timeout_ns = 2 * kSecond_ns;
  Served served(handler, options);
  served.peer.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  const Time due = served.peer.now() + 2 * kSecond_ns;
  EXPECT_EQ(served.peer.slot().deadline(), due);
  served.peer.at(Time{due.ns - 1});
  served.peer.feed("b");
  EXPECT_EQ(served.peer.slot().deadline(), due);
  served.peer.at(due);
  EXPECT_TRUE(served.peer.output().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_EQ(served.peer.ending(), "close");
  EXPECT_EQ(served.peer.slot().error(), Errc::request_timeout);
}

TEST(Http1Server, ABodyThatComesInTimeHasNoTimeoutLeft) {
  ReportHandler handler;
  ServerOptions options;
  options.body_timeout_ns = 2 * kSecond_ns;
  Served served(handler, options);
  served.peer.feed(kPost);
  served.peer.feed("body");
  EXPECT_EQ(served.peer.slot().deadline(), served.peer.now() + options.idle_timeout_ns);
}

// An answer that has gone out already is all that the peer gets.
TEST(Http1Server, ABodyNobodyReadsHasItsTimeToo) {
  Lambda handler([](Sink& sink) {
    return whole(sink, {.status = 200, .headers = {}, .content_length = 0}, "");
  });
  ServerOptions options;
  options.body_timeout_ns = 2 * kSecond_ns;
  Served served(handler, options);
  served.peer.feed(kPost);
  EXPECT_TRUE(served.peer.take_output().starts_with("HTTP/1.1 200 "));
  served.peer.feed("b");
  served.peer.at(served.peer.slot().deadline());
  EXPECT_EQ(served.peer.output(), "");
  EXPECT_EQ(served.peer.ending(), "abort");
  EXPECT_EQ(served.peer.slot().error(), Errc::request_timeout);
}

TEST(Http1Server, APeerThatDoesNotReadIsAborted) {
  ReportHandler handler({.repeat = 100'000});
  Served served(handler);
  served.peer.hold_output(true);
  served.peer.feed(kGet);
  EXPECT_EQ(served.peer.ending(), "open");
  served.peer.at(served.peer.slot().deadline());
  EXPECT_EQ(served.peer.ending(), "abort");
  EXPECT_EQ(served.peer.slot().error(), Errc::idle_timeout);
}

TEST(Http1Server, DrainingEndsIdleConnectionsAndAnswersTheOthersWithClose) {
  ReportHandler handler({.wakes = 2});  // one of its calls is the spurious pump below
  Served idle(handler);
  idle.peer.around().draining = true;
  idle.peer.pump();
  EXPECT_EQ(idle.peer.ending(), "close");
  EXPECT_EQ(idle.peer.slot().error(), Errc::ok);
  Served busy(handler);
  busy.peer.feed(kGet);
  busy.peer.around().draining = true;
  busy.peer.pump();
  EXPECT_EQ(busy.peer.ending(), "open");
  busy.peer.deliver_wakes();
  EXPECT_NE(busy.peer.output().find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(busy.peer.ending(), "close");
}

// --- referred bodies ---

TEST(Http1Server, RefersToBodiesAndReleasesThem) {
  const std::string body(50'000, 'r');
  for (const bool with_length : {true, false}) {
    int released = 0;
    bool head_sent = false;
    Lambda handler([&](Sink& sink) {
      ResponseHead head{.status = 200, .headers = {}, .content_length = {}};
      if (with_length) head.content_length = body.size();
      if (!head_sent) head_sent = sink.head(head);
      const auto release = [](void* count) { ++*static_cast<int*>(count); };
      return sink.refer(as_bytes(body), {release, &released}) ? Produce::done : Produce::more;
    });
    Served served(handler);
    served.peer.feed(kGet);
    const std::string output = served.peer.output();
    EXPECT_NE(output.find(body), std::string::npos);
    EXPECT_EQ(output.ends_with("r\r\n0\r\n\r\n"), !with_length);
    EXPECT_EQ(output.find("c350\r\n") != output.npos, !with_length);
    EXPECT_EQ(released, 1);
  }
}

}  // namespace
}  // namespace zyphos::http1
