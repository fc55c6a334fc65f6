// What an idle connection costs in memory of the process: what malloc holds in this whole program
// is counted, with its own head of each block, before and after two thousand connections have come,
// asked once and fallen silent.
#include <malloc.h>
#include <sys/resource.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "app/hello.h"
#include "engine/engine_fixture.h"
#include "protocol/echo/server.h"
#include "protocol/http1/server.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ZYPHOS_COUNTS_MALLOC 0  // the sanitizers have their own malloc
#else
#define ZYPHOS_COUNTS_MALLOC 1
#endif

namespace {
std::atomic<std::size_t> held_bytes = 0;
}  // namespace

#if ZYPHOS_COUNTS_MALLOC
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* block);
}

namespace {
constexpr std::size_t kHead_bytes = sizeof(std::size_t);

void* took(void* block) {
  if (block != nullptr) held_bytes += malloc_usable_size(block) + kHead_bytes;
  return block;
}
void gave(void* block) {
  if (block != nullptr) held_bytes -= malloc_usable_size(block) + kHead_bytes;
}
}  // namespace

extern "C" {
__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  return took(__libc_malloc(size));
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t size) {
  return took(__libc_calloc(count, size));
}
__attribute__((visibility("default"))) void* realloc(void* old, std::size_t size) {
  gave(old);
  return took(__libc_realloc(old, size));
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment,
                                                           std::size_t size) {
  return took(__libc_memalign(alignment, size));
}
__attribute__((visibility("default"))) void free(void* block) {
  gave(block);
  __libc_free(block);
}
}
#endif

namespace zyphos {
namespace {

using namespace zyphos::testing;

// Together a little more than 2,048: the loop's tables, which double, have the most slack then.
constexpr std::size_t kBefore = 250;
constexpr std::size_t kConnections = 2000;
constexpr std::size_t kIdle_bytes_max = 256;

// Both ends of each connection are here. False: this user may not have so many.
bool enough_descriptors() {
  constexpr rlim_t kNeeded = 2 * (kBefore + kConnections) + 200;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= kNeeded) return true;
  limit.rlim_cur = kNeeded;
  return kNeeded <= limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

class IdleMemory : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped()) return;
    ZY_NEEDS_THIS_PROCESS("malloc is counted");
    if (!ZYPHOS_COUNTS_MALLOC) GTEST_SKIP() << "malloc is the sanitizer's";
    if (!enough_descriptors()) GTEST_SKIP() << "RLIMIT_NOFILE allows too few descriptors";
    const std::string& engine = mode().engine;
    if (engine == "uring" && !mode().uring.buffer_ring) {
      GTEST_SKIP() << "each connection receives into a buffer of its own: what the ring is for";
    }
    if (engine == "select") GTEST_SKIP() << "select watches no more than 1,024 descriptors";
    if (engine == "sequential" || engine == "pool" || engine == "thread") {
      GTEST_SKIP() << "a thread each, whose stack is no block of malloc";
    }
  }

  // Connects, asks once and reads the answer, which ends so.
  void add(std::size_t count, std::string_view request, std::string_view end) {
    for (std::size_t i = 0; i < count; ++i) {
      clients_.emplace_back(address()).send(request);
      await(end);
    }
  }
  void await(std::string_view end) {
    std::array<char, 4096> answer;
    std::size_t have = 0;
    while (!std::string_view(answer.data(), have).ends_with(end)) {
      const int fd = clients_.back().fd();
      const ssize_t got = ::recv(fd, answer.data() + have, answer.size() - have, 0);
      if (got < 0 && errno == EINTR) continue;
      ASSERT_GT(got, 0);
      have += static_cast<std::size_t>(got);
    }
  }

  // Bytes a connection, once what the last rounds have taken is back. At most `limit`, if one is
  // given, which is waited for.
  std::size_t idle_bytes(std::string_view request, std::string_view end, std::size_t limit) {
    clients_.reserve(1 + kBefore + kConnections);
    // Pools and tables are there, also a block for what comes in two pieces.
    clients_.emplace_back(address()).send(request.substr(0, request.size() / 2));
    eventually([&] { return count(Counter::bytes_in) > 0; }, "half a request");
    clients_.back().send(request.substr(request.size() / 2));
    await(end);
    add(kBefore, request, end);
    const std::size_t before = held_bytes;
    add(kConnections, request, end);
    const auto each = [&] { return (held_bytes - before) / kConnections; };
    if (limit > 0) {
      eventually([&] { return each() <= limit; }, "back at what an idle connection may hold");
    }
    const std::size_t bytes = each();
    RecordProperty("idle_connection_bytes", static_cast<int>(bytes));
    printf("%s: %zu bytes for an idle connection\n", GetParam().c_str(), bytes);
    return bytes;
  }

  // Coroutines have their frames besides, poll a place in its set.
  std::size_t limit() const {
    return mode().engine == "epoll" || mode().engine == "uring" ? kIdle_bytes_max : 0;
  }

  void end() {
    clients_.clear();
    stop();
  }

  std::vector<Client> clients_;
};
INSTANTIATE_TEST_SUITE_P(Engines, IdleMemory, every_engine(), engine_name);

TEST_P(IdleMemory, WhatIsHeldIsCounted) {
  const std::size_t before = held_bytes;
  auto more = std::make_unique<std::array<char, 1000>>();
  EXPECT_GE(held_bytes - before, 1000U) << more->size();
  more.reset();
  EXPECT_EQ(held_bytes, before);
}

TEST_P(IdleMemory, Echo) {
  start([] { return std::make_unique<echo::EchoServer>(64); });
  const std::size_t bytes = idle_bytes(pattern(64), pattern(64), limit());
  EXPECT_GT(bytes, 100U) << "a connection that costs nothing is not counted";
  end();
}

TEST_P(IdleMemory, Http1) {
  app::Hello hello(13);
  const http1::ServerOptions options;
  start([&] { return std::make_unique<http1::Http1Server>(hello, options); });
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::size_t bytes = idle_bytes(kRequest, hello.body(), limit());
  EXPECT_GT(bytes, 100U) << "a connection that costs nothing is not counted";
  end();
}

}  // namespace
}  // namespace zyphos
