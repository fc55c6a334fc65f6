// Each protocol on each engine over real sockets: what the seam's own tests cannot see, because
// engines know no protocol.
#include <thread>

#include "app/handlers.h"
#include "engine/engine_fixture.h"
#include "protocol/echo/server.h"
#include "protocol/http1/server.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

class Protocols : public EngineTest {
 protected:
  void start_http(std::string_view app) {
    handler_ = app::make_handler(app, {});
    options_.application_wakes = app::handler_wakes(app);
    start([this] { return std::make_unique<http1::Http1Server>(*handler_, http_); });
  }

  void TearDown() override {
    EngineTest::TearDown();  // the handler outlives every connection
    handler_.reset();
  }

  http1::ServerOptions http_;
  std::unique_ptr<Handler> handler_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Protocols, every_engine(), engine_name);

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kLastGet = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

std::size_t times(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_P(Protocols, HttpKeepsAliveAndCloses) {
  start_http("hello");
  Client client(address());
  client.send(kGet);
  const std::string first = client.read(12);
  EXPECT_EQ(first, "HTTP/1.1 200");
  client.send(kLastGet);
  EXPECT_EQ(times(first + client.read_all(), "Hello, world!"), 2U);
  EXPECT_EQ(client.error(), 0);
  client.close();
  stop();
  EXPECT_EQ(count(Counter::requests), 2U);
  EXPECT_EQ(count(Counter::bytes_copied), 0U);
}

// answers: m08.build.3
TEST_P(Protocols, HttpByteByByte) {
  options_.socket.tcp_nodelay = true;
  start_http("echo");
  Client client(address(), options_.socket);
  const std::string request =
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n";
  for (const char byte : request) {
    const std::uint64_t before = count(Counter::bytes_in);
    client.send({&byte, 1});
    eventually([&] { return count(Counter::bytes_in) > before; }, "the byte");
  }
  std::string body;
  const std::string answer = client.read_all();
  EXPECT_EQ(times(answer, "HTTP/1.1 200"), 1U);
  for (const char byte : answer.substr(answer.find("\r\n\r\n"))) {
    if (byte >= 'a' && byte <= 'h') body += byte;
  }
  EXPECT_EQ(body, "abcdefgh");
}

TEST_P(Protocols, HttpPipelined) {
  start_http("hello");
  Client client(address());
  std::string requests;
  for (int i = 0; i < 999; ++i) requests += kGet;
  std::string answers;
  std::thread reader([&] { answers = client.read_all(); });
  client.send(requests + kLastGet);
  reader.join();
  EXPECT_EQ(times(answers, "HTTP/1.1 200"), 1000U);
  EXPECT_EQ(times(answers, "Hello, world!"), 1000U);
}

TEST_P(Protocols, HttpLargeBodyComesBackWhole) {
  start_http("echo");
  Client client(address());
  const std::string body = pattern(1'000'000);
  std::string answer;
  std::thread reader([&] { answer = client.read_all(); });
  client.send("PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n");
  client.send(body);
  reader.join();
  ASSERT_GT(answer.size(), body.size());
  EXPECT_TRUE(answer.substr(answer.size() - body.size()) == body);
}

TEST_P(Protocols, HttpRefusalIsReadable) {
  start_http("hello");
  Client client(address());
  client.send("GET / HTTP/1.1\r\nHost : x\r\n\r\n" + pattern(200'000));
  client.finish();
  EXPECT_EQ(client.read_all().substr(0, 12), "HTTP/1.1 400");
  EXPECT_EQ(client.error(), 0);
}

TEST_P(Protocols, HttpAsynchronousHandler) {
  ZY_NEEDS_THIS_PROCESS("the handler has its thread");
  start_http("delay");
  Client client(address());
  client.send(kGet + kGet + kLastGet);
  EXPECT_EQ(times(client.read_all(), "Hello, world!"), 3U);
  client.close();
  stop();
  EXPECT_GE(count(Counter::wakes), 3U);
}

TEST_P(Protocols, HttpIdleTimeout) {
  http_.idle_timeout_ns = 20 * kMillisecond_ns;
  start_http("hello");
  Client client(address());
  client.send(kGet);
  EXPECT_EQ(times(client.read_all(), "HTTP/1.1 200"), 1U);
  EXPECT_EQ(client.error(), 0);
}

// Long before it would be idle, and whatever it sends meanwhile.
TEST_P(Protocols, HttpSlowHeadIs408) {
  http_.header_timeout_ns = 20 * kMillisecond_ns;
  start_http("hello");
  Client client(address());
  client.send("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  EXPECT_EQ(client.read_all().substr(0, 12), "HTTP/1.1 408");
  client.close();
  stop();
  EXPECT_EQ(errors(Errc::request_timeout), 1U);
}

// Its answer has begun, so that a reset is all that can still be said.
TEST_P(Protocols, HttpSlowBodyEndsTheConnection) {
  http_.body_timeout_ns = 20 * kMillisecond_ns;
  start_http("echo");
  Client client(address());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun");
  client.read_all();
  EXPECT_EQ(client.error(), ECONNRESET);
  client.close();
  stop();
  EXPECT_EQ(errors(Errc::request_timeout), 1U);
}

TEST_P(Protocols, HttpDrainEndsIdleConnections) {
  start_http("hello");
  Client client(address());
  client.send(kGet);
  const std::string first = client.read(12);
  engine_->drain();
  EXPECT_EQ(times(first + client.read_all(), "Hello, world!"), 1U);
  EXPECT_EQ(client.error(), 0);
}

TEST_P(Protocols, EchoOfMessagesBeyondTheInbox) {
  constexpr std::size_t kMessage = 200'000;
  start([=] { return std::make_unique<echo::EchoServer>(kMessage); });
  Client client(address());
  const std::string sent = pattern(3 * kMessage);
  std::string got;
  std::thread reader([&] { got = client.read(sent.size()); });
  client.send(sent);
  reader.join();
  EXPECT_TRUE(got == sent);
}

}  // namespace
}  // namespace zyphos
