#include "net/flush.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "base/check.h"

namespace zyphos {
namespace {

constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

Sent sent(ssize_t taken, std::size_t given, Counters& counters) {
  counters.add(Counter::send_calls);
  if (taken >= 0) {
    const auto size = static_cast<std::size_t>(taken);
    counters.add(Counter::bytes_out, size);
    if (size < given) counters.add(Counter::partial_writes);
    return {Flush::done, size};
  }
  switch (errno) {
    case EAGAIN: counters.add(Counter::send_again); return {Flush::blocked};
    case EPIPE: return {Flush::gone};
    case ECONNRESET: return {Flush::reset};
    default: return {Flush::failed};
  }
}

// Repeats `call` while signals end it.
template <class Call>
ssize_t repeat(Counters& counters, Call call) {
  for (;;) {
    const ssize_t result = call();
    if (result >= 0 || errno != EINTR) return result;
    counters.add(Counter::interrupted);
  }
}

}  // namespace

Sent send_parts(int fd, std::span<const ConstBytes> parts, Counters& counters, SendCall call,
                bool more) {
  ZY_DCHECK(!parts.empty() && parts.size() <= kSendParts);
  if (parts.size() == 1) {
    const ConstBytes part = parts[0];
    const auto one = [&] {
      if (!more || call != SendCall::send) return send_by(call, fd, part);
      return ::send(fd, part.data(), part.size(), kFlags | MSG_MORE);
    };
    return sent(repeat(counters, one), part.size(), counters);
  }
  std::array<iovec, kSendParts> vectors;
  std::size_t given = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
    given += parts[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = parts.size();
  const int flags = more ? kFlags | MSG_MORE : kFlags;
  return sent(repeat(counters, [&] { return ::sendmsg(fd, &message, flags); }), given, counters);
}

Sent send_file(int fd, int file, std::uint64_t offset, std::size_t size, Counters& counters) {
  const auto call = [&] {
    auto at = static_cast<off_t>(offset);
    return ::sendfile(fd, file, &at, size);
  };
  const Sent result = sent(repeat(counters, call), size, counters);
  if (result.state == Flush::done && result.size == 0) return {Flush::failed};
  return result;
}

void set_cork(int fd, bool corked) {
  const int value = corked ? 1 : 0;
  setsockopt(fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

Received receive(int fd, Bytes buffer, int flags, Counters& counters) {
  const auto call = [&] { return ::recv(fd, buffer.data(), buffer.size(), flags); };
  const bool waits = (flags & MSG_DONTWAIT) == 0;
  const ssize_t size = waits ? call() : repeat(counters, call);
  if (size < 0 && errno == EINTR) {
    counters.add(Counter::interrupted);
    return {};
  }
  counters.add(Counter::recv_calls);
  if (size > 0) return {Receive::bytes, static_cast<std::size_t>(size)};
  if (size == 0) return {Receive::finished, 0};
  if (errno == EAGAIN) {
    counters.add(Counter::recv_again);
    return {};
  }
  return {errno == ECONNRESET ? Receive::reset : Receive::failed, 0};
}

void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace zyphos
