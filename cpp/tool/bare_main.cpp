// zyphos-bare: what a server costs that is nothing but its kernel interface. It parses nothing: as
// many bytes as the first request had are a request, whatever they say, and its answer is the one
// that protocol http1 gives for app=hello, with the date of the start. No timers, no limits, no
// back-pressure: a ruler for engines, never a server. One thread. First line on stdout: `listening
// ADDRESS:PORT`; a signal ends it. Exit 1: it could not be set up; 2: usage.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#if ZYPHOS_HAVE_LIBURING
#include <liburing.h>

#include "engine/uring_buffers.h"
#endif

#include "base/bytes.h"
#include "net/cpu.h"
#include "net/socket.h"
#include "tool/process.h"

namespace {

using namespace zyphos;

constexpr const char* kProgram = "zyphos-bare";
constexpr std::size_t kRequests_max = 4096;  // answered at once

struct Setting {
  std::string kind = "epoll";
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::vector<int> cpus;
};

// Answers side by side, so that any number of them is one send.
class Answers {
 public:
  Answers() {
    const std::string one =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        "Content-Length: 13\r\n\r\nHello, world!";
    size_ = one.size();
    for (std::size_t i = 0; i < kRequests_max; ++i) all_ += one;
  }

  // What so many bytes of input are answered with; `rest` is what of the last request has come.
  std::string_view to(std::string_view in, std::size_t& rest) {
    if (request_bytes_ == 0) request_bytes_ = in.find("\r\n\r\n") + 4;
    const std::size_t bytes = rest + in.size();
    rest = bytes % request_bytes_;
    return std::string_view(all_).substr(0, bytes / request_bytes_ * size_);
  }

 private:
  std::string all_;
  std::size_t size_ = 0;
  std::size_t request_bytes_ = 0;
};

// By descriptor: bytes of a request that has not come whole.
using Rests = std::vector<std::size_t>;

std::size_t& rest_of(Rests& rests, int fd) {
  const auto at = static_cast<std::size_t>(fd);
  if (at >= rests.size()) rests.resize(2 * at + 1);
  return rests[at];
}

[[noreturn]] void fail(int error, const char* doing) {
  throw std::system_error(error, std::generic_category(), doing);
}

// --- epoll, level-triggered: epoll_wait, recv, send ---

void watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail(errno, "epoll_ctl");
}

void accept_all(int listener, int epoll, Rests& rests) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    rest_of(rests, fd) = 0;
    watch(epoll, fd);
  }
}

void answer_one(int fd, std::span<char> buffer, Answers& answers, Rests& rests) {
  const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    ::close(fd);
    return;
  }
  const std::string_view in(buffer.data(), static_cast<std::size_t>(got));
  const std::string_view out = answers.to(in, rest_of(rests, fd));
  if (!out.empty()) [[maybe_unused]]
    const ssize_t sent = ::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
}

[[noreturn]] void run_epoll(int listener) {
  const Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  watch(epoll.get(), listener);
  Answers answers;
  Rests rests;
  std::vector<char> buffer(64 * 1024);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll.get(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        accept_all(listener, epoll.get(), rests);
      } else {
        answer_one(fd, buffer, answers, rests);
      }
    }
  }
}

// --- io_uring: multishot accept and receive, a buffer ring, sends with the next wait ---

#if ZYPHOS_HAVE_LIBURING

enum Op : std::uint64_t { kAccept, kReceive, kSend };

class BareRing {
 public:
  explicit BareRing(int listener) : listener_(listener) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    params.cq_entries = 8192;
    const int error = io_uring_queue_init_params(1024, &ring_, &params);
    if (error < 0) fail(-error, "io_uring_setup");
    io_uring_register_ring_fd(&ring_);
    buffers_ = std::make_unique<RingBuffers>(ring_, UringOptions{});
  }

  [[noreturn]] void run() {
    set_blocking(listener_, true);
    accept();
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* completion = nullptr;
      io_uring_for_each_cqe(&ring_, head, completion) {
        handle(*completion);
        ++count;
      }
      io_uring_cq_advance(&ring_, count);
      buffers_->hand_back();
    }
  }

 private:
  io_uring_sqe& entry(Op op, int fd) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    entry->user_data = static_cast<std::uint64_t>(fd) << 2 | op;
    return *entry;
  }

  void accept() {
    io_uring_sqe& one = entry(kAccept, listener_);
    const std::uint64_t name = one.user_data;
    io_uring_prep_multishot_accept(&one, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    one.user_data = name;
  }

  void receive(int fd) {
    io_uring_sqe& one = entry(kReceive, fd);
    const std::uint64_t name = one.user_data;
    io_uring_prep_recv_multishot(&one, fd, nullptr, 0, 0);
    one.flags |= IOSQE_BUFFER_SELECT;
    one.buf_group = RingBuffers::kGroup;
    one.user_data = name;
  }

  void send(int fd, std::string_view out) {
    io_uring_sqe& one = entry(kSend, fd);
    const std::uint64_t name = one.user_data;
    io_uring_prep_send(&one, fd, out.data(), out.size(), MSG_NOSIGNAL);
    one.user_data = name;
  }

  void handle(const io_uring_cqe& completion) {
    const int fd = static_cast<int>(completion.user_data >> 2);
    switch (static_cast<Op>(completion.user_data & 3)) {
      case kAccept:
        if (completion.res >= 0) {
          rest_of(rests_, completion.res) = 0;
          receive(completion.res);
        }
        if ((completion.flags & IORING_CQE_F_MORE) == 0) accept();
        return;
      case kReceive: received(fd, completion); return;
      case kSend: return;
    }
  }

  void received(int fd, const io_uring_cqe& completion) {
    if (completion.res <= 0 && completion.res != -ENOBUFS) {
      ::close(fd);
      return;
    }
    if (completion.res > 0) {
      buffers_->pieces(completion, [&](Bytes in) {
        const std::string_view out = answers_.to(as_text(in), rest_of(rests_, fd));
        if (!out.empty()) send(fd, out);
      });
    }
    if ((completion.flags & IORING_CQE_F_MORE) == 0) receive(fd);
  }

  int listener_;
  io_uring ring_{};
  std::unique_ptr<RingBuffers> buffers_;
  Answers answers_;
  Rests rests_;
};

[[noreturn]] void run_uring(int listener) {
  BareRing ring(listener);
  ring.run();
}

#else

[[noreturn]] void run_uring(int) { throw std::runtime_error(ZYPHOS_NO_LIBURING_REASON); }

#endif

int serve(const Setting& setting) {
  const auto where = Address::parse(setting.address, setting.port);
  if (!where) throw std::invalid_argument("address: " + where.error());
  if (!setting.cpus.empty()) pin_thread(setting.cpus.front());
  const Fd listener = listen_on(*where, {});
  std::printf("listening %s\n", local_address(listener.get()).text().c_str());
  if (std::fflush(stdout) != 0) fail(errno, "cannot say where it listens");
  if (setting.kind == "uring") run_uring(listener.get());
  run_epoll(listener.get());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Setting setting;
    Words words;
    words.choice("kind", "epoll, uring", setting.kind, {"epoll", "uring"});
    words.text("address", "to listen on (IPv4 or IPv6)", setting.address);
    words.number("port", "to listen on; 0: a free one", setting.port, std::uint16_t{0});
    words.list("cpus", "the first of these is its", setting.cpus);
    const Usage usage = read_words(words, argc, argv, kProgram);
    return usage.go_on ? serve(setting) : usage.exit_code;
  } catch (const std::exception& error) {
    complain(kProgram, error.what());
    return 1;
  }
}
