// The server over real sockets, with the kernel's real timestamps. What takes how long is judged by
// order and structure only.
#include "reference/server.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "net/clock.h"
#include "net/socket.h"

namespace zyphos::reference {
namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!";

// A server on a thread of its own, until it goes out of scope.
class Running {
 public:
  explicit Running(const Options& options)
      : server_(options),
        stop_(eventfd(0, EFD_CLOEXEC)),
        thread_([this] { server_.run(stop_.get()); }) {}
  ~Running() { end(); }

  Fd connect() { return connect_to(server_.address(), {}, 5 * kSecond_ns); }
  // Ends it; what it knows.
  std::string truth() {
    end();
    return server_.truth_json();
  }

 private:
  void end() {
    const std::uint64_t one = 1;
    if (!thread_.joinable()) return;
    EXPECT_EQ(::write(stop_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    thread_.join();
  }

  Server server_;
  Fd stop_;
  std::thread thread_;
};

void put(const Fd& fd, const std::string& text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

// So many bytes, or fewer at the connection's end.
std::string take(const Fd& fd, std::size_t size) {
  std::string out;
  std::array<char, 4096> part;
  while (out.size() < size) {
    const ssize_t got = ::recv(fd.get(), part.data(), std::min(part.size(), size - out.size()), 0);
    if (got <= 0) break;
    out.append(part.data(), static_cast<std::size_t>(got));
  }
  return out;
}

TEST(ReferenceServer, AnswersWhatIsSplitAndWhatIsJoined) {
  Running running({});
  const Fd fd = running.connect();
  for (const char byte : kGet) put(fd, std::string(1, byte));
  EXPECT_EQ(take(fd, kAnswer.size()), kAnswer);
  put(fd, kGet + kGet + kGet);
  EXPECT_EQ(take(fd, 3 * kAnswer.size()), kAnswer + kAnswer + kAnswer);
}

TEST(ReferenceServer, NoAnswerIsEarlyAndEveryOneIsStamped) {
  Options options;
  options.delay.delay_ns = 2 * kMillisecond_ns;
  Running running(options);
  const Fd fd = running.connect();
  for (int i = 0; i < 10; ++i) {
    const Time sent = clock_now();
    put(fd, kGet);
    EXPECT_EQ(take(fd, kAnswer.size()), kAnswer);
    EXPECT_GE(clock_now() - sent, options.delay.delay_ns);
  }
  const std::string truth = running.truth();
  EXPECT_NE(truth.find("\"requests_answered\":10,"), std::string::npos) << truth;
  EXPECT_NE(truth.find("\"requests_unstamped\":0,"), std::string::npos) << truth;
}

TEST(ReferenceServer, AnswersKeepTheOrderOfTheirRequests) {
  Options options;
  options.protocol = "echo";
  options.message_bytes = 1;
  options.delay = {
      .law = Law::bimodal, .delay_ns = 0, .slow_ns = 3 * kMillisecond_ns, .share = 0.5};
  Running running(options);
  const Fd fd = running.connect();
  std::string sent;
  for (int i = 0; i < 64; ++i) {
    sent += static_cast<char>('!' + i);
    put(fd, sent.substr(sent.size() - 1));
  }
  EXPECT_EQ(take(fd, sent.size()), sent);
}

TEST(ReferenceServer, ALargeAnswerIsWholeWhoeverReadsSlowly) {
  Options options;
  options.response_bytes = 8 << 20;
  Running running(options);
  const Fd fd = running.connect();
  put(fd, kGet + kGet);
  const std::size_t head = std::string("HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n").size();
  EXPECT_EQ(take(fd, 2 * (head + (8 << 20))).size(), 2 * (head + (8 << 20)));
}

TEST(ReferenceServer, SilentLossSilencesItsConnectionAlone) {
  Options options;
  options.loss.share = 1.0;
  Running running(options);
  const Fd fd = running.connect();
  put(fd, kGet);
  const Fd other = running.connect();
  put(other, kGet);
  shutdown(fd.get(), SHUT_WR);
  shutdown(other.get(), SHUT_WR);
  EXPECT_EQ(take(fd, 1), "");
  EXPECT_EQ(take(other, 1), "");
  EXPECT_NE(running.truth().find("\"requests_lost\":2,"), std::string::npos);
}

TEST(ReferenceServer, APeerThatGoesTakesItsAnswersWithIt) {
  Options options;
  options.delay.delay_ns = 5 * kMillisecond_ns;
  Running running(options);
  {
    const Fd gone = running.connect();
    put(gone, kGet);
  }
  const Fd fd = running.connect();  // likely with the same descriptor in the server
  put(fd, kGet);
  EXPECT_EQ(take(fd, kAnswer.size()), kAnswer);
}

}  // namespace
}  // namespace zyphos::reference
