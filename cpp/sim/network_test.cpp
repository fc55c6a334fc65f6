// Echo and HTTP/1 on a simulated network in virtual time. Every failure prints its seed.
#include "sim/network.h"

#include <gtest/gtest.h>

#include "app/delay.h"
#include "app/echo.h"
#include "app/hello.h"
#include "protocol/echo/client.h"
#include "protocol/echo/server.h"
#include "protocol/http1/client.h"
#include "protocol/http1/server.h"
#include "sim/closed_loop.h"

namespace zyphos::sim {
namespace {

const Address kServer = Address::loopback(80);
const http1::ServerOptions kHttp;

Request get() {
  Request request;
  request.authority = "sim";
  return request;
}

NetworkOptions rough(std::uint64_t seed) {
  NetworkOptions options;
  options.seed = seed;
  options.link = {.delay_ns = 2 * kMillisecond_ns,
                  .jitter_ns = kMillisecond_ns,
                  .rate_bytes_per_second = 1'000'000,
                  .segment_bytes_max = 400,
                  .loss = 0.05,
                  .retransmit_ns = 200 * kMillisecond_ns,
                  .window_bytes = 4096};
  return options;
}

void listen_http(Network& network, Handler& handler) {
  network.listen(kServer, [&] { return std::make_unique<http1::Http1Server>(handler, kHttp); });
}

struct Outcome {
  std::uint64_t done, unexpected, errors, hash;
  bool operator==(const Outcome&) const = default;
};

Outcome run_echo(const NetworkOptions& options, const echo::ClientOptions& client,
                 const ClosedLoopOptions& load) {
  Network network(options);
  network.listen(kServer, [&] {
    return std::make_unique<echo::EchoServer>(echo::ServerOptions{
        .message_bytes = client.message_bytes, .response_bytes = client.response_bytes});
  });
  const Request request;
  ClosedLoop loop(
      network, kServer, [&] { return std::make_unique<echo::EchoClient>(client); }, request, load);
  network.run();
  EXPECT_EQ(network.open_ends(), 0U) << "seed " << options.seed;
  return {loop.done(), loop.unexpected(), loop.ended() - loop.done(), network.hash()};
}

TEST(SimEcho, EveryPatternOverARoughNetwork) {
  for (const auto pattern : {echo::WritePattern::one, echo::WritePattern::two,
                             echo::WritePattern::writev, echo::WritePattern::cork}) {
    for (const std::size_t size : {1U, 2U, 64U, 5000U, 100'000U}) {
      SCOPED_TRACE("size " + std::to_string(size) + ", seed 7");
      const auto outcome =
          run_echo(rough(7), {.message_bytes = size, .write_pattern = pattern, .pipeline = 2},
                   {.clients = 3, .requests_each = 5, .pipeline = 2});
      EXPECT_EQ(outcome.done, 15U);
      EXPECT_EQ(outcome.unexpected, 0U);
    }
  }
}

TEST(SimEcho, ResponsesOfAnotherSize) {
  for (const std::size_t size : {1U, 63U, 300U, 70'000U}) {
    const auto outcome = run_echo(rough(3), {.message_bytes = 64, .response_bytes = size},
                                  {.clients = 2, .requests_each = 4});
    EXPECT_EQ(outcome.done, 8U) << "size " << size << ", seed 3";
    EXPECT_EQ(outcome.unexpected, 0U) << "size " << size << ", seed 3";
  }
}

TEST(Sim, SameSeedSameEvents) {
  const echo::ClientOptions client{.message_bytes = 500};
  const ClosedLoopOptions load{.clients = 20, .requests_each = 10};
  const auto first = run_echo(rough(11), client, load);
  EXPECT_EQ(first, run_echo(rough(11), client, load));
  EXPECT_NE(first.hash, run_echo(rough(12), client, load).hash);
}

TEST(SimHttp1, TenThousandClients) {
  Network network({.seed = 5, .link = {}, .limits = {}});
  app::Hello hello(13);
  listen_http(network, hello);
  const Request request = get();
  ClosedLoop loop(network, kServer,
                  [] {
                    return std::make_unique<http1::Http1Client>(http1::ClientOptions{
                        .pipeline = 1, .limits = {}, .expected_body = as_bytes("Hello, world!")});
                  },
                  request, {.clients = 10'000, .requests_each = 3});
  network.run();
  EXPECT_EQ(loop.done(), 30'000U) << "seed 5";
  EXPECT_EQ(loop.unexpected(), 0U) << "seed 5";
  EXPECT_EQ(network.open_ends(), 0U);
  EXPECT_EQ(network.accepted_counters().value(Counter::requests), 30'000U);
  EXPECT_EQ(network.accepted_counters().value(Counter::accepted), 10'000U);
  EXPECT_EQ(network.accepted_counters().value(Counter::closed), 10'000U);
  EXPECT_EQ(network.pool().out(), 0U);
}

TEST(SimHttp1, PipelinedOverARoughNetwork) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Network network(rough(seed));
    app::Hello hello(20'000);
    listen_http(network, hello);
    const Request request = get();
    ClosedLoop loop(network, kServer, [] { return std::make_unique<http1::Http1Client>(8); },
                    request, {.clients = 3, .requests_each = 16, .pipeline = 8});
    network.run();
    EXPECT_EQ(loop.done(), 48U) << "seed " << seed;
    EXPECT_EQ(loop.ended(), 48U) << "seed " << seed;
  }
}

// Bodies larger than window, inbox and outbox, both ways at once: back-pressure all the way, and no
// deadlock.
TEST(SimHttp1, BothOutboxesFull) {
  const std::string body(1'000'000, 'b');
  for (const bool chunked : {false, true}) {
    Network network(rough(2));
    app::Echo echo;
    listen_http(network, echo);
    std::string wire = body;
    const std::array<Header, 1> fields{Header{.name = "Transfer-Encoding", .value = "chunked"}};
    if (chunked) wire = "f4240\r\n" + body + "\r\n0\r\n\r\n";
    Request request = get();
    request.method = "POST";
    request.body = as_bytes(wire);
    if (chunked) request.headers = fields;
    ClosedLoop loop(network, kServer,
                    [&] {
                      return std::make_unique<http1::Http1Client>(http1::ClientOptions{
                          .pipeline = 2, .limits = {}, .expected_body = as_bytes(body)});
                    },
                    request, {.clients = 2, .requests_each = 2, .pipeline = 2});
    network.run();
    EXPECT_EQ(loop.done(), 4U) << "seed 2";
    EXPECT_EQ(loop.unexpected(), 0U) << "seed 2";
  }
}

TEST(SimHttp1, AsynchronousHandlerIsWokenByTime) {
  Network network({.seed = 1, .link = {}, .limits = {}});
  app::Delay delay(network, 30 * kMillisecond_ns, 13);
  listen_http(network, delay);
  const Request request = get();
  ClosedLoop loop(network, kServer, [] { return std::make_unique<http1::Http1Client>(4); }, request,
                  {.clients = 50, .requests_each = 4, .pipeline = 4});
  network.run();
  EXPECT_EQ(loop.done(), 200U);
  EXPECT_GE(network.accepted_counters().value(Counter::wakes), 200U);
  // One exchange at a time: the last of four pipelined requests waits four delays, and no longer.
  const auto most = *std::ranges::max_element(loop.latencies_ns());
  EXPECT_GE(most, 120 * kMillisecond_ns);
  EXPECT_LT(most, 125 * kMillisecond_ns);
}

TEST(SimHttp1, HalfCloseIsAnsweredFirst) {
  Network network({.seed = 1, .link = {}, .limits = {}});
  app::Delay delay(network, 5 * kMillisecond_ns, 13);
  listen_http(network, delay);
  auto made = std::make_unique<http1::Http1Client>(3);
  http1::Http1Client& client = *made;
  const Request request = get();
  std::size_t done = 0;
  const EndId end = network.connect(kServer, std::move(made), [&](EndId) {
    for (const auto& completion : client.completed()) done += completion.error == Errc::ok;
    return false;
  });
  for (std::uint64_t tag = 0; tag < 3; ++tag) ASSERT_TRUE(client.submit(request, tag));
  network.at(network.now() + kMillisecond_ns, [&] { network.half_close(end); });
  network.run();
  EXPECT_EQ(done, 3U);
  EXPECT_EQ(network.error(end), Errc::ok);
  EXPECT_EQ(network.open_ends(), 0U);
}

TEST(SimHttp1, ResetEndsWhatIsOutstanding) {
  Network network({.seed = 1, .link = {}, .limits = {}});
  app::Delay delay(network, kSecond_ns, 13);
  listen_http(network, delay);
  const Request request = get();
  ClosedLoop loop(network, kServer, [] { return std::make_unique<http1::Http1Client>(1); }, request,
                  {.clients = 1, .requests_each = 1});
  // End 0 dialed, end 1 accepted: the server's host resets.
  network.at(network.now() + 10 * kMillisecond_ns, [&] { network.reset(1); });
  network.run();
  EXPECT_EQ(loop.done(), 0U);
  EXPECT_EQ(loop.errors().at(Errc::peer_reset), 1U);
  EXPECT_EQ(network.open_ends(), 0U);
}

TEST(SimHttp1, NobodyListens) {
  Network network({.seed = 1, .link = {}, .limits = {}});
  const Request request = get();
  auto made = std::make_unique<http1::Http1Client>(1);
  http1::Http1Client& client = *made;
  ASSERT_TRUE(client.submit(request, 1));
  const EndId end = network.connect(kServer, std::move(made));
  network.run();
  EXPECT_EQ(network.slot(end), nullptr);
  EXPECT_EQ(network.error(end), Errc::peer_reset);
}

TEST(SimHttp1, DrainingAnswersWhatIsUnderWayAndCloses) {
  Network network({.seed = 1, .link = {}, .limits = {}});
  app::Delay delay(network, 20 * kMillisecond_ns, 13);
  listen_http(network, delay);
  const Request request = get();
  ClosedLoop loop(network, kServer, [] { return std::make_unique<http1::Http1Client>(1); }, request,
                  {.clients = 10, .requests_each = 1000});
  network.run_until(network.now() + 50 * kMillisecond_ns);
  network.drain();
  network.run_until(network.now() + 30 * kMillisecond_ns);
  EXPECT_EQ(network.open_ends(), 0U);
  EXPECT_EQ(loop.done(), 30U);  // each client's third was under way, and was answered
  EXPECT_EQ(loop.errors().size(), 0U);
}

TEST(SimHttp1, IdleConnectionsTimeOut) {
  Network network({.seed = 1, .link = {}, .limits = {}});
  app::Hello hello(13);
  listen_http(network, hello);
  const EndId end = network.connect(kServer, std::make_unique<http1::Http1Client>(1));
  const Time begin = network.now();
  network.run();
  EXPECT_EQ(network.open_ends(), 0U);
  EXPECT_GE(network.now() - begin, kHttp.idle_timeout_ns);
  EXPECT_EQ(network.accepted_counters().errors(Errc::idle_timeout), 1U);
  EXPECT_EQ(network.error(end), Errc::ok);
}

// What a connection becomes gets the bytes that came behind the request, and the slot's waker.
class Becomes final : public http1::Upgrader {
 public:
  std::unique_ptr<Connection> upgrade(const RequestHead& head, std::string& fields) override {
    if (head.find("upgrade")->value != "echo") return nullptr;
    fields = "Upgrade: echo\r\n";
    return std::make_unique<echo::EchoServer>(4);
  }
};

// Sends a fixed text and keeps what comes.
class Talker final : public Connection {
 public:
  Talker(std::string text, std::string& heard) : text_(std::move(text)), heard_(heard) {}
  Step advance(Bytes in, Peer peer, Outbox& out, Time) override {
    heard_ += as_text(in);
    text_.erase(0, out.write(as_bytes(text_)));
    return {.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
  }

 private:
  std::string text_;
  std::string& heard_;
};

TEST(SimHttp1, BecomesAnotherProtocolInEveryCut) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    NetworkOptions options{.seed = seed, .link = {}, .limits = {}};
    options.link.segment_bytes_max = 1 + seed;
    Network network(options);
    app::Hello hello(13);
    Becomes becomes;
    http1::ServerOptions http;
    http.upgrader = &becomes;
    network.listen(kServer, [&] { return std::make_unique<http1::Http1Server>(hello, http); });
    std::string heard;
    const EndId end = network.connect(
        kServer, std::make_unique<Talker>("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                                          "Upgrade: echo\r\n\r\nfourword",
                                          heard));
    network.at(network.now() + kSecond_ns, [&] { network.half_close(end); });
    network.run();
    EXPECT_EQ(heard,
              "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
              "fourword")
        << "seed " << seed;
    EXPECT_EQ(network.open_ends(), 0U) << "seed " << seed;
  }
}

}  // namespace
}  // namespace zyphos::sim
