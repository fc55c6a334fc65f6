#include "fetch/stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace zyphos::fetch {
namespace {

bool later(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Errc stream_error(int error) {
  if (error == ECONNRESET) return Errc::peer_reset;
  return error == EPIPE ? Errc::peer_gone : Errc::system;
}

Errc PlainStream::send(ConstBytes bytes, Time end) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(size));
    } else if (!later(errno)) {
      return stream_error(errno);
    } else if (const Errc error = waiter_.wait(fd_.get(), POLLOUT, end); error != Errc::ok) {
      return error;
    }
  }
  return Errc::ok;
}

std::expected<std::size_t, Errc> PlainStream::receive(Bytes room, Time end) {
  while (true) {
    const ssize_t size = ::recv(fd_.get(), room.data(), room.size(), 0);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (!later(errno)) return std::unexpected(stream_error(errno));
    const Errc error = waiter_.wait(fd_.get(), POLLIN, end);
    if (error != Errc::ok) return std::unexpected(error);
  }
}

}  // namespace zyphos::fetch
