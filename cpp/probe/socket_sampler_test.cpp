// The sampler over a listening socket whose queue is filled to a known length.
#include "probe/socket_sampler.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "net/clock.h"
#include "net/fd.h"

namespace zyphos {
namespace {

TEST(SocketSampler, SeesTheListenQueueAndWhatIsUnread) {
  const Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(listener.get(), any, length), 0);
  ASSERT_EQ(listen(listener.get(), 5), 0);
  ASSERT_EQ(getsockname(listener.get(), any, &length), 0);
  std::array<Fd, 3> clients;
  for (Fd& client : clients) {
    client = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(client.get(), any, length), 0);
    ASSERT_EQ(send(client.get(), "0123456789", 10, 0), 10);
  }

  SocketSampler sampler({""}, ntohs(address.sin_port), kSecond_ns / 1000);
  while (sampler.samples().size() < 3) ASSERT_EQ(sampler.reason(), "");
  sampler.stop();
  const auto samples = sampler.samples();
  ASSERT_GE(samples.size(), 3U);
  EXPECT_LE(samples[0].time_ns, samples[1].time_ns);
  EXPECT_LT(samples[0].cpu_ns, samples[2].cpu_ns);
  const SideSample& server = samples.back().server;
  EXPECT_EQ(server.listen_queue, 3U);
  EXPECT_EQ(server.listen_queue_limit, 5U);
  EXPECT_EQ(server.sockets, 3U);
  EXPECT_EQ(server.receive_queue_bytes, 30U);
  EXPECT_EQ(server.receive_queue_bytes_of_one, 10U);
  EXPECT_GE(server.memory_bytes, 30U);
  EXPECT_EQ(samples.back().client.sockets, 3U);
  EXPECT_EQ(samples.back().client.listen_queue_limit, 0U);
}

TEST(SocketSampler, RefusesANamespaceThatIsNone) {
  EXPECT_THROW(SocketSampler({"/proc/self/ns/none"}, 1, kSecond_ns), std::system_error);
}

}  // namespace
}  // namespace zyphos
