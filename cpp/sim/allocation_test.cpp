// No heap allocation per request in steady state: operator new and delete of this program count.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "app/echo.h"
#include "app/hello.h"
#include "protocol/echo/client.h"
#include "protocol/echo/server.h"
#include "protocol/http1/client.h"
#include "protocol/http1/server.h"
#include "testing/count_allocations.h"
#include "testing/surroundings.h"

namespace zyphos::sim {
namespace {

// A client and a server joined by a plain buffer, so that nothing but they could allocate.
class Pair {
 public:
  Pair(std::unique_ptr<Client> client, std::unique_ptr<Connection> server)
      : client_(client.get()), client_slot_(around_.driver), server_slot_(around_.driver) {
    client_slot_.open(std::move(client));
    server_slot_.open(std::move(server));
  }

  // `depth` requests and their answers, whole on the wire. Returns how many completed as expected.
  std::size_t exchange(const Request& request, std::size_t depth) {
    for (std::size_t i = 0; i < depth; ++i) client_->submit(request, i);
    std::size_t done = 0;
    client_slot_.pump(now_);
    while (move(client_slot_, server_slot_) || move(server_slot_, client_slot_)) {
      for (const auto& c : client_->completed()) done += c.error == Errc::ok && c.body_expected;
    }
    return done;
  }

  std::uint64_t bytes_copied() const { return around_.counters.value(Counter::bytes_copied); }

 private:
  bool move(Slot& from, Slot& to) {
    std::array<ConstBytes, 64> parts;
    std::size_t size = 0;
    const std::size_t count = from.out().gather(parts);
    for (std::size_t i = 0; i < count && size + parts[i].size() <= kWire_bytes; ++i) {
      std::ranges::copy(parts[i], wire_.begin() + static_cast<std::ptrdiff_t>(size));
      size += parts[i].size();
    }
    if (size == 0) return false;
    from.out().sent(size);
    if (from.wants_pump()) from.pump(now_);
    to.input(Bytes(wire_).first(size));
    to.pump(now_);
    to.settle();
    return true;
  }

  static constexpr std::size_t kWire_bytes = 64 * 1024;
  testing::Surroundings around_;
  Client* client_;
  Slot client_slot_;
  Slot server_slot_;
  Time now_{1};
  std::array<std::byte, kWire_bytes + kReadPadding> wire_{};
};

void expect_none(Pair& pair, const Request& request, std::size_t depth) {
  for (int i = 0; i < 10; ++i) ASSERT_EQ(pair.exchange(request, depth), depth);
  const std::size_t before = testing::allocations;
  std::size_t done = 0;
  for (int i = 0; i < 1000; ++i) done += pair.exchange(request, depth);
  const std::size_t after = testing::allocations;
  EXPECT_EQ(done, 1000 * depth);
  EXPECT_EQ(after - before, 0U);
  EXPECT_EQ(pair.bytes_copied(), 0U);
}

TEST(Allocations, AreCounted) {
  const std::size_t before = testing::allocations;
  const auto one = std::make_unique<int>(1);
  EXPECT_EQ(testing::allocations - before, 1U);
}

TEST(Allocations, EchoHasNonePerMessage) {
  for (const auto pattern : {echo::WritePattern::one, echo::WritePattern::two,
                             echo::WritePattern::writev, echo::WritePattern::cork}) {
    Pair pair(std::make_unique<echo::EchoClient>(64, pattern, 1),
              std::make_unique<echo::EchoServer>(64));
    if (pattern == echo::WritePattern::one || pattern == echo::WritePattern::writev) {
      expect_none(pair, {}, 1);
      continue;
    }
    // Two send calls: the first half waits in the inbox, which is a copy and still no allocation.
    for (int i = 0; i < 10; ++i) pair.exchange({}, 1);
    const std::size_t before = testing::allocations;
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(pair.exchange({}, 1), 1U);
    EXPECT_EQ(testing::allocations - before, 0U);
  }
}

TEST(Allocations, HttpHelloHasNonePerRequest) {
  app::Hello hello(13);
  const http1::ServerOptions options;
  const Request request{
      .method = "GET", .target = "/", .authority = "a", .headers = {}, .body = {}};
  for (const std::size_t depth : {1U, 16U}) {
    Pair pair(std::make_unique<http1::Http1Client>(http1::ClientOptions{
                  .pipeline = depth, .limits = {}, .expected_body = as_bytes("Hello, world!")}),
              std::make_unique<http1::Http1Server>(hello, options));
    expect_none(pair, request, depth);
  }
}

TEST(Allocations, HttpEchoHasNonePerRequest) {
  app::Echo echo;
  const http1::ServerOptions options;
  const std::string body(3000, 'b');
  const Request request{
      .method = "POST", .target = "/", .authority = "a", .headers = {}, .body = as_bytes(body)};
  Pair pair(std::make_unique<http1::Http1Client>(
                http1::ClientOptions{.pipeline = 2, .limits = {}, .expected_body = as_bytes(body)}),
            std::make_unique<http1::Http1Server>(echo, options));
  expect_none(pair, request, 2);
}

}  // namespace
}  // namespace zyphos::sim
