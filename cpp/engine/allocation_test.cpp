// No engine allocates for a request: malloc is counted in this whole program while requests go
// round.
#include <malloc.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <vector>

#include "engine/engine_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ZYPHOS_COUNTS_MALLOC 0  // the sanitizers have their own malloc
#else
#define ZYPHOS_COUNTS_MALLOC 1
#endif

namespace {
std::atomic<bool> counting = false;
std::atomic<std::uint64_t> allocations = 0;

[[maybe_unused]] void note() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1);
}
}  // namespace

#if ZYPHOS_COUNTS_MALLOC
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  note();
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t size) {
  note();
  return __libc_calloc(count, size);
}
__attribute__((visibility("default"))) void* realloc(void* old, std::size_t size) {
  note();
  return __libc_realloc(old, size);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment,
                                                           std::size_t size) {
  note();
  return __libc_memalign(alignment, size);
}
}
#endif

namespace zyphos {
namespace {

using namespace zyphos::testing;

class Allocation : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ZY_NEEDS_THIS_PROCESS("malloc is counted");
    if (!ZYPHOS_COUNTS_MALLOC && !IsSkipped()) GTEST_SKIP() << "malloc is the sanitizer's";
  }

  // `rounds` times: sends `request` in `pieces`, reads as many bytes back. Itself without
  // allocation.
  void rounds(std::vector<Client>& clients, std::string_view request, std::size_t pieces, int n) {
    std::array<char, 4096> answer;
    std::uint64_t arrived = count(Counter::bytes_in);
    for (int round = 0; round < n; ++round) {
      Client& client = clients[static_cast<std::size_t>(round) % clients.size()];
      const std::size_t piece = (request.size() + pieces - 1) / pieces;
      for (std::size_t at = 0; at < request.size(); at += piece) {
        const std::string_view part = request.substr(at, piece);
        const ssize_t sent = ::send(client.fd(), part.data(), part.size(), MSG_NOSIGNAL);
        ASSERT_EQ(sent, static_cast<ssize_t>(part.size()));
        arrived += part.size();
        // So that each piece is received by itself.
        while (pieces > 1 && count(Counter::bytes_in) < arrived) ::sched_yield();
      }
      for (std::size_t have = 0; have < request.size();) {
        const ssize_t got = ::recv(client.fd(), answer.data(), request.size() - have, 0);
        if (got < 0 && errno == EINTR) continue;
        ASSERT_GT(got, 0);
        have += static_cast<std::size_t>(got);
      }
    }
  }

  void expect_none(std::string_view request, std::size_t pieces) {
    std::vector<Client> clients;
    const std::size_t connections = std::min<std::size_t>(connections_at_once(), 4);
    for (std::size_t i = 0; i < connections; ++i) clients.emplace_back(address(), options_.socket);
    rounds(clients, request, pieces, 200);
    allocations = 0;
    counting = true;
    rounds(clients, request, pieces, 2000);
    counting = false;
    EXPECT_EQ(allocations.load(), 0U);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Allocation, every_engine(), engine_name);

TEST_P(Allocation, TheCounterCounts) {
  counting = true;
  allocations = 0;
  std::vector<int> more(100);
  counting = false;
  EXPECT_EQ(allocations.load(), 1U) << more.size();
}

// answers: s4.3
TEST_P(Allocation, NoneForAWholeRequestAndNoCopy) {
  start_echo(64);
  expect_none(pattern(64), 1);
  EXPECT_EQ(count(Counter::requests), 2200U);
  EXPECT_EQ(count(Counter::bytes_copied), 0U);
}

TEST_P(Allocation, NoneWithADeadlineRenewedByEachRequest) {
  start_echo(64, 60 * kSecond_ns);
  expect_none(pattern(64), 1);
}

TEST_P(Allocation, NoneForPipelinedRequests) {
  start_echo(64);
  expect_none(pattern(64 * 16), 1);
  EXPECT_EQ(count(Counter::requests), 2200U * 16);
}

TEST_P(Allocation, NoneForRequestsInPieces) {
  options_.socket.tcp_nodelay = true;
  start_echo(1000);
  expect_none(pattern(1000), 3);
}

}  // namespace
}  // namespace zyphos
