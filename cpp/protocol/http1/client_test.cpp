#include "protocol/http1/client.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/http1/server.h"
#include "testing/one_peer.h"
#include "testing/report_handler.h"
#include "testing/splits.h"
#include "testing/two_peers.h"

namespace zyphos::http1 {
namespace {

using testing::OnePeer;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// A client with its peer played by the test.
struct Asking {
  explicit Asking(const ClientOptions& options = {})
      : Asking(std::make_unique<Http1Client>(options)) {}
  explicit Asking(std::unique_ptr<Http1Client> made) : client(*made), peer(std::move(made)) {}

  void ask(std::uint64_t tag) { ask(request, tag); }
  void ask(const Request& what, std::uint64_t tag) {
    EXPECT_TRUE(client.submit(what, tag));
    peer.pump();
  }
  // Everything completed since the last time: "tag errc status bytes" each.
  std::string completed() {
    std::string text;
    for (const Completion& c : client.completed()) {
      text += std::to_string(c.tag) + " " + std::string(errc_name(c.error)) + " " +
              std::to_string(c.status) + " " + std::to_string(c.body_bytes) +
              (c.body_expected ? ";" : " wrong;");
    }
    return text;
  }

  Request request{.method = "GET", .target = "/", .authority = "a", .headers = {}, .body = {}};
  Http1Client& client;
  OnePeer peer;
};

TEST(Http1Client, WritesARequestToTheByte) {
  Asking asking;
  const std::array<Header, 2> fields{Header{.name = "Accept", .value = "*/*"},
                                     Header{.name = "X-A", .value = "b"}};
  asking.request.headers = fields;
  asking.request.target = "/x?y";
  asking.ask(1);
  EXPECT_EQ(asking.peer.output(), "GET /x?y HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-A: b\r\n\r\n");
}

TEST(Http1Client, FramesBodiesByLengthUnlessTold) {
  Asking asking({.pipeline = 8, .limits = {}, .expected_body = {}});
  Request post = asking.request;
  post.method = "POST";
  asking.ask(post, 1);
  EXPECT_EQ(asking.peer.take_output(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  Request small = post;
  small.body = as_bytes("body");
  asking.ask(small, 2);
  EXPECT_EQ(asking.peer.take_output(),
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
  const std::string much(100'000, 'm');
  Request large = post;
  large.body = as_bytes(much);
  asking.ask(large, 3);
  EXPECT_EQ(asking.peer.take_output(),
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + much);
  const std::array<Header, 2> fields{Header{.name = "HOST", .value = "b"},
                                     Header{.name = "Transfer-Encoding", .value = "chunked"}};
  Request own = small;
  own.headers = fields;
  asking.ask(own, 4);
  EXPECT_EQ(asking.peer.take_output(),
            "POST / HTTP/1.1\r\nHOST: b\r\nTransfer-Encoding: chunked\r\n\r\nbody");
}

TEST(Http1Client, PipelinesUpToItsDepthInOrder) {
  Asking asking({.pipeline = 2, .limits = {}, .expected_body = {}});
  asking.ask(7);
  asking.ask(8);
  EXPECT_FALSE(asking.client.submit(asking.request, 9));
  EXPECT_EQ(asking.client.outstanding(), 2U);
  asking.peer.feed(std::string(kOk) + "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(asking.completed(), "7 ok 200 5;8 ok 404 0;");
  EXPECT_EQ(asking.completed(), "");
  EXPECT_TRUE(asking.client.submit(asking.request, 9));
}

// Response bytes, the tags and what they complete with, how it ends (for a client that asked 1, 2
// and HEAD 3).
struct Responses {
  const char* name;
  std::string bytes;
  bool finish;
  std::string completed;
  std::string ending;
};

class Http1ClientReads : public ::testing::TestWithParam<Responses> {};

std::string run(const Responses& given, const testing::Pieces& pieces, Parser parser) {
  Asking asking({.pipeline = 3, .limits = {}, .expected_body = {}, .parser = parser});
  Request head = asking.request;
  head.method = "HEAD";
  asking.ask(1);
  asking.ask(2);
  asking.ask(head, 3);
  std::string completed;
  for (const auto piece : pieces) {
    asking.peer.feed(piece);
    completed += asking.completed();
  }
  if (given.finish) asking.peer.finish();
  completed += asking.completed();
  return completed + " " + std::string(asking.peer.ending()) + " " +
         std::string(errc_name(asking.peer.slot().error()));
}

TEST_P(Http1ClientReads, AndIsTheSameInEverySplit) {
  const Responses& given = GetParam();
  for (const Parser parser : {kDescent, kTable, Parser(&scan::best_kernel())}) {
    SCOPED_TRACE(parser.name());
    const auto check = [&](const testing::Pieces& pieces) { return run(given, pieces, parser); };
    EXPECT_EQ(check({given.bytes}), given.completed + " " + given.ending);
    const auto difference = testing::every_split(given.bytes, check);
    EXPECT_FALSE(difference) << *difference;
  }
}

const std::string kHello(kOk);
const std::string kHeadOnly = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Cases, Http1ClientReads,
    ::testing::Values(
        Responses{"lengths_and_head", kHello + kHello + kHeadOnly, false,
                  "1 ok 200 5;2 ok 200 5;3 ok 200 0;", "open ok"},
        Responses{"interim",
                  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n" + kHello, false,
                  "1 ok 200 5;", "open ok"},
        Responses{"chunked",
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n"
                  "0\r\nA: b\r\n\r\n" +
                      kHello,
                  false, "1 ok 200 5;2 ok 200 5;", "open ok"},
        Responses{"no_content",
                  "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n"
                  "Content-Length: 5\r\n\r\n" +
                      kHeadOnly,
                  false, "1 ok 204 0;2 ok 304 0;3 ok 200 0;", "open ok"},
        Responses{"until_close", "HTTP/1.0 200 OK\r\n\r\nall of it", true,
                  "1 ok 200 9;2 truncated 0 0 wrong;3 truncated 0 0 wrong;", "close truncated"},
        Responses{"connection_close",
                  kHello + "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
                  false, "1 ok 200 5;2 ok 200 2;3 truncated 0 0 wrong;", "close truncated"},
        Responses{"no_space_after_status", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false,
                  "1 ok 200 0;", "open ok"},
        Responses{"finished_early", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true,
                  "1 truncated 200 3 wrong;2 truncated 0 0 wrong;3 truncated 0 0 wrong;",
                  "close truncated"},
        Responses{"more_than_asked", kHello + kHello + kHeadOnly + kHello, false,
                  "1 ok 200 5;2 ok 200 5;3 ok 200 0;", "abort unexpected_data"},
        Responses{"switching", "HTTP/1.1 101 Switching Protocols\r\n\r\n", false,
                  "1 unexpected_data 0 0 wrong;2 unexpected_data 0 0 wrong;"
                  "3 unexpected_data 0 0 wrong;",
                  "abort unexpected_data"},
        Responses{"bad_status", "HTTP/1.1 2OO OK\r\n\r\n", false,
                  "1 bad_status_line 0 0 wrong;2 bad_status_line 0 0 wrong;"
                  "3 bad_status_line 0 0 wrong;",
                  "abort bad_status_line"},
        Responses{"status_below_100", "HTTP/1.1 099 X\r\n\r\n", false,
                  "1 bad_status_line 0 0 wrong;2 bad_status_line 0 0 wrong;"
                  "3 bad_status_line 0 0 wrong;",
                  "abort bad_status_line"},
        Responses{"http2", "HTTP/2.0 200 OK\r\n\r\n", false,
                  "1 bad_version 0 0 wrong;2 bad_version 0 0 wrong;3 bad_version 0 0 wrong;",
                  "abort bad_version"},
        Responses{"length_and_chunked",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                  false, "1 bad_framing 0 0 wrong;2 bad_framing 0 0 wrong;3 bad_framing 0 0 wrong;",
                  "abort bad_framing"},
        Responses{"bad_chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", false,
                  "1 bad_chunk 200 0 wrong;2 bad_chunk 0 0 wrong;3 bad_chunk 0 0 wrong;",
                  "abort bad_chunk"},
        Responses{"endless_head", "HTTP/1.1 200 OK\r\nA: " + std::string(10'000, 'x'), false,
                  "1 head_too_large 0 0 wrong;2 head_too_large 0 0 wrong;"
                  "3 head_too_large 0 0 wrong;",
                  "abort head_too_large"}),
    [](const auto& of) { return std::string(of.param.name); });

TEST(Http1Client, ComparesBodies) {
  constexpr std::string_view kBody = "hello";
  const auto answer = [&](std::string_view body) {
    Asking asking({.pipeline = 1, .limits = {}, .expected_body = as_bytes(kBody)});
    asking.ask(1);
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size());
    for (const char c : head + "\r\n\r\n" + std::string(body)) asking.peer.feed({&c, 1});
    return asking.completed();
  };
  EXPECT_EQ(answer("hello"), "1 ok 200 5;");
  EXPECT_EQ(answer("hellO"), "1 ok 200 5 wrong;");
  EXPECT_EQ(answer("hell"), "1 ok 200 4 wrong;");
  EXPECT_EQ(answer("hello!"), "1 ok 200 6 wrong;");
  EXPECT_EQ(answer(""), "1 ok 200 0 wrong;");
}

TEST(Http1Client, ARequestsOwnExpectedBodyComesFirst) {
  Asking asking({.pipeline = 2, .limits = {}, .expected_body = as_bytes("other")});
  Request own = asking.request;
  own.expected_body = as_bytes("hello");
  asking.ask(own, 1);
  asking.ask(2);
  asking.peer.feed(std::string(kOk) + std::string(kOk));
  EXPECT_EQ(asking.completed(), "1 ok 200 5;2 ok 200 5 wrong;");
}

TEST(Http1Client, AHeadIsKnownOnlyByAllItsBytes) {
  Asking asking({.pipeline = 1, .limits = {}, .expected_body = {}});
  for (int i = 0; i < 3; ++i) {
    asking.ask(1);
    asking.peer.feed(kOk);
    EXPECT_EQ(asking.completed(), "1 ok 200 5;");
  }
  asking.ask(2);
  asking.peer.feed("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!");
  EXPECT_EQ(asking.completed(), "2 ok 200 6;");
}

TEST(Http1Client, BytesThatNobodyAskedForEndIt) {
  Asking asking;
  asking.peer.feed(kOk);
  EXPECT_EQ(asking.peer.ending(), "abort");
  EXPECT_EQ(asking.peer.slot().error(), Errc::unexpected_data);
}

TEST(Http1Client, AResetCompletesWhatIsOutstanding) {
  Asking asking({.pipeline = 2, .limits = {}, .expected_body = {}});
  asking.ask(1);
  asking.ask(2);
  asking.peer.lose();
  EXPECT_EQ(asking.completed(), "1 peer_reset 0 0 wrong;2 peer_reset 0 0 wrong;");
  EXPECT_FALSE(asking.client.submit(asking.request, 3));
}

TEST(Http1Client, AnEarlyAnswerToAHalfWrittenRequestIsTheLast) {
  const std::string body(1'000'000, 'b');
  const std::string field(20'000, 'f');  // more than an outbox
  const std::array<Header, 1> fields{Header{.name = "F", .value = field}};
  Asking asking({.pipeline = 2, .limits = {}, .expected_body = {}});
  asking.request.headers = fields;
  asking.request.body = as_bytes(body);
  asking.peer.hold_output(true);
  asking.ask(1);
  asking.peer.feed("HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(asking.completed(), "1 ok 431 0;");
  EXPECT_EQ(asking.client.outstanding(), 0U);
  EXPECT_FALSE(asking.client.submit(asking.request, 2));
}

TEST(Http1Client, IsServedByTheServerInAnyPieces) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    testing::ReportHandler handler({.repeat = 3});
    const ServerOptions options;
    const std::string body(5'000, 'b');
    const Request request{
        .method = "PUT", .target = "/p", .authority = "a", .headers = {}, .body = as_bytes(body)};
    const std::string report = "PUT /p host=a body=" + body;
    const std::string expected = report + report + report;
    testing::TwoPeers peers(std::make_unique<Http1Client>(ClientOptions{
                                .pipeline = 4, .limits = {}, .expected_body = as_bytes(expected)}),
                            std::make_unique<Http1Server>(handler, options),
                            {.limits = {},
                             .piece_bytes_max = 1 + seed * seed * 10,
                             .wire_bytes_max = 3000,
                             .seed = seed});
    int done = 0;
    for (int i = 0; i < 3; ++i) {
      while (peers.client().submit(request, 0)) {
      }
      peers.run();
      for (const auto& completion : peers.client().completed()) {
        EXPECT_EQ(completion.error, Errc::ok) << "seed " << seed;
        EXPECT_TRUE(completion.body_expected) << "seed " << seed;
        ++done;
      }
    }
    EXPECT_EQ(done, 12) << "seed " << seed;
  }
}

}  // namespace
}  // namespace zyphos::http1
