// Where each engine listens: IPv4, IPv6 alone, and both on one socket.
#include <sys/socket.h>

#include <system_error>

#include "engine/engine_fixture.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

Address at(std::string_view host, std::uint16_t port) { return *Address::parse(host, port); }

// Empty, or why nothing can listen on ::1 here.
std::string without_ipv6() {
  try {
    listen_on(at("::1", 0), {});
  } catch (const std::system_error& error) {
    return error.what();
  }
  return {};
}

class Listening : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (const std::string why = without_ipv6(); !why.empty()) GTEST_SKIP() << "no IPv6: " << why;
  }

  void expect_echo(const Address& address) {
    Client client(address);
    client.send(pattern(16));
    EXPECT_EQ(client.read(16), pattern(16)) << address.text();
  }

  // Whoever else may listen there: it is not this engine.
  void expect_not_at(const Address& address) {
    const std::uint64_t before = count(Counter::accepted);
    try {
      connect_to(address, {}, 5 * kSecond_ns);
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), ECONNREFUSED) << address.text();
    }
    stop();
    EXPECT_EQ(count(Counter::accepted), before) << address.text();
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Listening, every_engine(), engine_name);

TEST_P(Listening, OnIpv6Alone) {
  options_.listen = at("::", 0);
  options_.ipv6_only = true;
  options_.device = "lo";
  start_echo(8);
  expect_echo(at("::1", address().port));
  expect_not_at(at("127.0.0.1", address().port));
}

TEST_P(Listening, OnTheLoopbackOfIpv6) {
  options_.listen = at("::1", 0);
  start_echo(8);
  EXPECT_EQ(address(), at("::1", address().port));
  expect_echo(address());
  expect_not_at(at("127.0.0.1", address().port));
}

TEST_P(Listening, OnBothFamiliesByOneSocket) {
  options_.listen = at("::", 0);
  options_.ipv6_only = false;
  options_.device = "lo";
  start_echo(8);
  for (const char* host : {"127.0.0.1", "::1", "::ffff:7f00:1"}) {
    expect_echo(at(host, address().port));
  }
  stop();
  EXPECT_EQ(count(Counter::accepted), 3U);
}

TEST_P(Listening, AnIpv4AddressHasNoOtherFamily) {
  options_.ipv6_only = true;
  EXPECT_THROW(start_echo(8), std::system_error);
  engine_.reset();
}

}  // namespace
}  // namespace zyphos
