// By a UDP socket: recvmsg and sendmsg, recvmmsg and sendmmsg, or trains of equal datagrams.
#include <cerrno>
#include <cstring>
#include <vector>

#include "datagram/answerer.h"
#include "datagram/trains.h"
#include "datagram/udp_socket.h"
#include "net/socket.h"

namespace zyphos::datagram {
namespace {

constexpr std::size_t kDatagram_bytes = 2048;

class SocketAnswerer : public TurningAnswerer {
 protected:
  SocketAnswerer(const AnswerOptions& options, Counters& counters)
      : TurningAnswerer(options, counters), fd_(bound_socket(options.address)) {
    busy_poll(fd_.get(), options.busy_poll_us);
    address_ = local_address(fd_.get());
  }

  int readable() const override { return fd_.get(); }
  std::uint64_t dropped() const override { return dropped_of(fd_.get()); }

  // What a receive call returned: whether it brought something. Errors that are a peer's (a refused
  // answer) are no end.
  bool received(int result) {
    counters_.add(Counter::recv_calls);
    if (result >= 0) return true;
    if (errno == EAGAIN) {
      counters_.add(Counter::recv_again);
    } else if (errno != EINTR && errno != ECONNREFUSED) {
      fail("receive");
    }
    return false;
  }
  void came(std::uint64_t datagrams, std::uint64_t bytes) {
    counters_.add(Counter::datagrams_in, datagrams);
    counters_.add(Counter::bytes_in, bytes);
  }
  void went(std::uint64_t datagrams, std::uint64_t bytes, std::uint64_t unsent) {
    counters_.add(Counter::send_calls);
    counters_.add(Counter::datagrams_out, datagrams);
    counters_.add(Counter::requests, datagrams);
    counters_.add(Counter::bytes_out, bytes);
    if (unsent > 0) counters_.add(Counter::datagrams_unsent, unsent);
  }

  Fd fd_;
};

// A message's memory: where it is, whose it is, how long its parts are.
struct Letter {
  std::vector<std::byte> bytes;
  sockaddr_storage peer{};
  iovec part{};
  Control control{};

  explicit Letter(std::size_t size) : bytes(size) {}
  // Empty, for the kernel to fill.
  void lay_out(msghdr& head, bool with_control) {
    part = {bytes.data(), bytes.size()};
    head = {.msg_name = &peer,
            .msg_namelen = sizeof peer,
            .msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = with_control ? control.data() : nullptr,
            .msg_controllen = with_control ? control.size() : 0,
            .msg_flags = 0};
  }
};

// One datagram, or one train, with each call.
class OneByOne final : public SocketAnswerer {
 public:
  OneByOne(const AnswerOptions& options, Counters& counters)
      : SocketAnswerer(options, counters),
        trains_(options.by == By::gro),
        letter_(trains_ ? kTrain_bytes_max : kDatagram_bytes) {
    if (trains_) receive_trains(fd_.get());
  }
  std::string manner() const override { return trains_ ? "udp gro" : "udp recvmsg"; }

 protected:
  unsigned turn() override {
    unsigned taken = 0;
    while (taken < options_.batch) {
      const unsigned some = one();
      if (some == 0) break;
      taken += some;
    }
    return taken;
  }

 private:
  unsigned one() {
    msghdr head{};
    letter_.lay_out(head, trains_);
    const ssize_t size = ::recvmsg(fd_.get(), &head, MSG_DONTWAIT);
    if (!received(static_cast<int>(size))) return 0;
    const auto bytes = static_cast<std::size_t>(size);
    const std::size_t segment = trains_ ? segment_bytes(head) : 0;
    const std::size_t count = segment == 0 ? 1 : (bytes + segment - 1) / segment;
    came(count, bytes);
    letter_.part.iov_len = bytes;
    head.msg_control = nullptr;
    head.msg_controllen = 0;
    if (count > 1) put_segment_bytes(head, letter_.control, segment);
    const bool sent = ::sendmsg(fd_.get(), &head, MSG_DONTWAIT) >= 0;
    went(sent ? count : 0, sent ? bytes : 0, sent ? 0 : count);
    return static_cast<unsigned>(count);
  }

  bool trains_;
  Letter letter_;
};

// A batch with each call.
class Batches final : public SocketAnswerer {
 public:
  Batches(const AnswerOptions& options, Counters& counters)
      : SocketAnswerer(options, counters),
        letters_(options.batch, Letter(kDatagram_bytes)),
        heads_(options.batch),
        used_(options.batch) {}
  std::string manner() const override { return "udp recvmmsg"; }

 protected:
  unsigned turn() override {
    for (std::size_t at = 0; at < used_; ++at) letters_[at].lay_out(heads_[at].msg_hdr, false);
    const int count = ::recvmmsg(fd_.get(), heads_.data(), options_.batch, MSG_DONTWAIT, nullptr);
    if (!received(count)) {
      used_ = 0;
      return 0;
    }
    used_ = static_cast<std::size_t>(count);
    std::uint64_t bytes = 0;
    for (std::size_t at = 0; at < used_; ++at) {
      letters_[at].part.iov_len = heads_[at].msg_len;
      bytes += heads_[at].msg_len;
    }
    came(used_, bytes);
    send();
    return static_cast<unsigned>(used_);
  }

 private:
  // Where one cannot be sent the call ends there: it is given up, and the rest goes with another.
  void send() {
    for (std::size_t at = 0; at < used_;) {
      const auto left = static_cast<unsigned>(used_ - at);
      const int sent = ::sendmmsg(fd_.get(), heads_.data() + at, left, MSG_DONTWAIT);
      const std::size_t count = sent > 0 ? static_cast<std::size_t>(sent) : 0;
      std::uint64_t bytes = 0;
      for (std::size_t i = at; i < at + count; ++i) bytes += letters_[i].part.iov_len;
      went(count, bytes, sent > 0 ? 0 : 1);
      at += sent > 0 ? count : 1;
    }
  }

  std::vector<Letter> letters_;
  std::vector<mmsghdr> heads_;
  std::size_t used_;  // by the last turn: what has to be laid out anew
};

}  // namespace

std::unique_ptr<Answerer> make_socket_answerer(const AnswerOptions& options, Counters& counters) {
  if (options.by == By::recvmmsg) return std::make_unique<Batches>(options, counters);
  return std::make_unique<OneByOne>(options, counters);
}

}  // namespace zyphos::datagram
