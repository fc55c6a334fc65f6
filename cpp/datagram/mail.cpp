#include "datagram/mail.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "datagram/not_here.h"
#include "datagram/trains.h"
#include "datagram/udp_socket.h"

namespace zyphos::datagram {
namespace {

constexpr std::size_t kReceived_max = 64;

// Nothing now, or an answer that a peer has refused: no end.
void check_passes(const char* doing) {
  const bool passes = errno == EAGAIN || errno == ENOBUFS || errno == EINTR ||
                      errno == ECONNREFUSED || errno == EHOSTUNREACH;
  if (!passes) fail(doing);
}

// Each its own datagram for the kernel.
class Letters final : public Mail {
 public:
  explicit Letters(const AskOptions& options)
      : Mail(connected_socket(options.address)),
        bytes_(options.message_bytes),
        out_(options.batch * bytes_),
        in_(kReceived_max * (bytes_ + 1)),  // a longer one shows
        out_parts_(options.batch),
        in_parts_(kReceived_max),
        out_heads_(options.batch),
        in_heads_(kReceived_max),
        shown_(kReceived_max) {
    for (std::size_t at = 0; at < options.batch; ++at) {
      out_parts_[at] = {out_.data() + at * bytes_, bytes_};
      out_heads_[at].msg_hdr.msg_iov = &out_parts_[at];
      out_heads_[at].msg_hdr.msg_iovlen = 1;
    }
    for (std::size_t at = 0; at < kReceived_max; ++at) {
      in_parts_[at] = {in_.data() + at * (bytes_ + 1), bytes_ + 1};
      in_heads_[at].msg_hdr.msg_iov = &in_parts_[at];
      in_heads_[at].msg_hdr.msg_iovlen = 1;
    }
  }

  Bytes draft(std::size_t at) override { return {out_.data() + at * bytes_, bytes_}; }

  std::size_t send(std::size_t count) override {
    const int sent =
        ::sendmmsg(fd_.get(), out_heads_.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    check_passes("send datagrams");
    return 0;
  }

  std::span<const ConstBytes> receive() override {
    const int count = ::recvmmsg(fd_.get(), in_heads_.data(), kReceived_max, MSG_DONTWAIT, nullptr);
    if (count < 0) {
      check_passes("receive datagrams");
      return {};
    }
    const auto came = static_cast<std::size_t>(count);
    for (std::size_t at = 0; at < came; ++at) {
      shown_[at] = {in_.data() + at * (bytes_ + 1), in_heads_[at].msg_len};
    }
    return {shown_.data(), came};
  }

 private:
  std::size_t bytes_;
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  std::vector<iovec> out_parts_;
  std::vector<iovec> in_parts_;
  std::vector<mmsghdr> out_heads_;
  std::vector<mmsghdr> in_heads_;
  std::vector<ConstBytes> shown_;
};

// A batch is a train, or several where one would be too long.
class Trains final : public Mail {
 public:
  explicit Trains(const AskOptions& options)
      : Mail(connected_socket(options.address)),
        bytes_(options.message_bytes),
        longest_(std::min(kTrain_max, kTrain_bytes_max / bytes_)),
        out_(options.batch * bytes_),
        in_(kTrain_bytes_max) {
    try {
      receive_trains(fd_.get());
    } catch (const std::system_error& error) {
      throw NotHere(std::string("trains of datagrams (Linux 5.0): ") + error.what());
    }
  }

  Bytes draft(std::size_t at) override { return {out_.data() + at * bytes_, bytes_}; }

  std::size_t send(std::size_t count) override {
    std::size_t sent = 0;
    while (sent < count) {
      const std::size_t some = std::min(longest_, count - sent);
      if (!send_train(out_.data() + sent * bytes_, some)) break;
      sent += some;
    }
    return sent;
  }

  std::span<const ConstBytes> receive() override {
    Control control{};
    iovec part{in_.data(), in_.size()};
    msghdr head{};
    head.msg_iov = &part;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = control.size();
    shown_.clear();
    const ssize_t size = ::recvmsg(fd_.get(), &head, MSG_DONTWAIT);
    if (size < 0) {
      check_passes("receive a train");
      return {};
    }
    const auto whole = static_cast<std::size_t>(size);
    const std::size_t told = segment_bytes(head);
    const std::size_t step = told == 0 ? std::max<std::size_t>(whole, 1) : told;
    for (std::size_t at = 0; at < whole; at += step) {
      shown_.emplace_back(in_.data() + at, std::min(step, whole - at));
    }
    return shown_;
  }

 private:
  bool send_train(std::byte* first, std::size_t count) {
    Control control{};
    iovec part{first, count * bytes_};
    msghdr head{};
    head.msg_iov = &part;
    head.msg_iovlen = 1;
    if (count > 1) put_segment_bytes(head, control, bytes_);
    if (::sendmsg(fd_.get(), &head, MSG_DONTWAIT) >= 0) return true;
    check_passes("send a train");
    return false;
  }

  std::size_t bytes_;
  std::size_t longest_;  // in datagrams
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  std::vector<ConstBytes> shown_;
};

}  // namespace

std::unique_ptr<Mail> Mail::make(const AskOptions& options) {
  if (options.send == Send::gso) return std::make_unique<Trains>(options);
  return std::make_unique<Letters>(options);
}

}  // namespace zyphos::datagram
