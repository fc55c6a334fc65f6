#include "attack/attack.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <regex>
#include <system_error>

#include "attack/greedy.h"
#include "attack/segment.h"
#include "attack/slow.h"
#include "base/address.h"
#include "base/random.h"
#include "net/clock.h"
#include "net/fd.h"

namespace zyphos::attack {
namespace {

constexpr std::uint32_t kBenchmark = 0xC6120000;  // 198.18.0.0/15 (RFC 2544)
constexpr std::uint32_t kBenchmarkMask = 0xFFFE0000;
constexpr std::uint32_t kSpoofed = 0xC6130000;  // 198.19.0.0/16
constexpr std::int64_t kTick_ns = kMillisecond_ns;
constexpr std::uint32_t kWithinWindow = 1000;
constexpr std::size_t kHeaders_bytes = 128;

[[noreturn]] void fail(const std::string& doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

std::uint32_t host_of(const std::string& text) {
  const auto address = Address::parse(text, 0);
  if (!address || address->family != Address::Family::ipv4) return 0;
  std::uint32_t host = 0;
  for (std::size_t i = 0; i < 4; ++i) host = host << 8 | address->host[i];
  return host;
}

bool same_file(const char* one, const char* other) {
  struct stat a{};
  struct stat b{};
  if (stat(one, &a) != 0 || stat(other, &b) != 0) return false;
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Fd raw_socket() {
  Fd fd(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd) fail("cannot open a raw socket");
  return fd;
}

class Attack {
 public:
  Attack(const Options& options, int stop_fd)
      : options_(options),
        stop_fd_(stop_fd),
        server_(host_of(options.address)),
        start_{options.start_ns},
        end_{options.start_ns + options.for_ns},
        random_(options.seed),
        raw_(raw_socket()) {}

  Done syn_flood() {
    Time next = start_;
    while (!stopped(next, stop_fd_) && clock_now() < end_) {
      const std::uint64_t due = allowed(clock_now());
      while (tried() < due) send(syn());
      next = {clock_now().ns + kTick_ns};
    }
    return done_;
  }

  Done reset() {
    const Fd seen(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    if (!seen) fail("cannot open a packet socket");
    if (stopped(start_, stop_fd_)) return done_;
    while (clock_now() < end_) {
      if (stopped(end_, stop_fd_, seen.get())) break;
      std::array<std::byte, kHeaders_bytes> headers{};
      const ssize_t size = recv(seen.get(), headers.data(), headers.size(), 0);
      if (size > 0) answer(std::span(headers).first(static_cast<std::size_t>(size)));
    }
    return done_;
  }

 private:
  std::uint64_t tried() const { return done_.sent + done_.failed; }

  // Packets that may have been sent by now.
  std::uint64_t allowed(Time now) const {
    const std::int64_t since_ns = std::min(now, end_) - start_;
    return static_cast<std::uint64_t>(options_.rate * static_cast<double>(since_ns) / 1e9);
  }

  Segment syn() {
    return {.source = kSpoofed | static_cast<std::uint32_t>(1 + random_.below(65534)),
            .destination = server_,
            .source_port = static_cast<std::uint16_t>(1024 + random_.below(60000)),
            .destination_port = options_.port,
            .sequence = static_cast<std::uint32_t>(random_.next()),
            .acknowledgment = 0,
            .flags = kSyn};
  }

  // What the server acknowledges is what it expects next.
  void answer(std::span<const std::byte> packet) {
    const auto found = segment_of(packet);
    if (!found || found->source != server_ || found->source_port != options_.port) return;
    if ((found->flags & (kAck | kSyn | kRst)) != kAck || tried() >= allowed(clock_now())) return;
    send({.source = found->destination,
          .destination = server_,
          .source_port = found->destination_port,
          .destination_port = options_.port,
          .sequence = sequence(found->acknowledgment),
          .acknowledgment = 0,
          .flags = kRst});
  }

  std::uint32_t sequence(std::uint32_t expected) {
    switch (options_.sequence) {
      case Sequence::exact: return expected;
      case Sequence::window: return expected + kWithinWindow;
      case Sequence::blind: break;
    }
    return static_cast<std::uint32_t>(random_.next());
  }

  void send(const Segment& segment) {
    const Packet packet = packet_of(segment);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(server_);
    const ssize_t size = sendto(raw_.get(), packet.data(), packet.size(), 0,
                                std::bit_cast<const sockaddr*>(&to), sizeof to);
    ++(size == static_cast<ssize_t>(packet.size()) ? done_.sent : done_.failed);
  }

  const Options& options_;
  int stop_fd_;
  std::uint32_t server_;
  Time start_;
  Time end_;
  Random random_;
  Fd raw_;
  Done done_;
};

// What is beyond its bounds.
std::string beyond(const Options& options) {
  if (!(options.rate > 0) || options.rate > kRate_max) {
    return "rate must be above 0 and at most 200000 packets a second";
  }
  if (options.connections == 0 || options.connections > kConnections_max) {
    return "connections must be 1 to 10000";
  }
  if (options.for_ns <= 0 || options.for_ns > kFor_ns_max) return "for_ns must be at most 60 s";
  return "";
}

}  // namespace

std::string refusal(const Options& options) {
  static const std::regex own("/run/netns/zy-[0-9]+-[0-9]+-[A-Za-z0-9_]+");
  if (!std::regex_match(options.netns, own) ||
      same_file(options.netns.c_str(), "/proc/self/ns/net")) {
    return "netns=" + options.netns +
           ": attacks are only for namespaces that a run made "
           "(/run/netns/zy-PID-STARTTICKS-ROLE)";
  }
  if ((host_of(options.address) & kBenchmarkMask) != kBenchmark) {
    return "address=" + options.address + ": attacks are only for addresses of 198.18.0.0/15";
  }
  if (options.port == 0) return "port is missing";
  return beyond(options);
}

void enter(const Options& options) {
  if (const std::string wrong = refusal(options); !wrong.empty()) {
    throw std::system_error(EPERM, std::generic_category(), wrong);
  }
  const Fd there(open(options.netns.c_str(), O_RDONLY | O_CLOEXEC));
  if (!there || setns(there.get(), CLONE_NEWNET) != 0) fail("cannot enter " + options.netns);
}

bool stopped(Time until, int stop_fd, int other) {
  const std::int64_t left_ns = std::max<std::int64_t>(0, until - clock_now());
  std::array<pollfd, 2> fds{pollfd{.fd = stop_fd, .events = POLLIN, .revents = 0},
                            pollfd{.fd = other, .events = POLLIN, .revents = 0}};
  const timespec timeout = to_timespec(left_ns);
  return ppoll(fds.data(), fds.size(), &timeout, nullptr) > 0 && fds[0].revents != 0;
}

Done carry_out(const Options& options, int stop_fd) {
  enter(options);
  if (options.kind == Kind::greedy) return be_greedy(options, stop_fd);
  if (options.kind == Kind::syn_flood) return Attack(options, stop_fd).syn_flood();
  if (options.kind == Kind::reset) return Attack(options, stop_fd).reset();
  return be_slow(options, stop_fd);
}

}  // namespace zyphos::attack
