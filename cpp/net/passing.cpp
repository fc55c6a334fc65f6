#include "net/passing.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace zyphos {
namespace {

// One byte and one descriptor.
struct Message {
  Message() {
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }

  char byte = 0;
  iovec piece{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr header{};
};

}  // namespace

std::array<Fd, 2> passing_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  return {Fd(ends[0]), Fd(ends[1])};
}

bool pass(int channel, int fd) {
  Message message;
  cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  while (::sendmsg(channel, &message.header, MSG_NOSIGNAL) < 0) {
    // Too many on their way, of all processes of this user (unix(7), ETOOMANYREFS).
    if (errno == EAGAIN || errno == ETOOMANYREFS || errno == ENOBUFS) return false;
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "passing");
  }
  return true;
}

int receive_passed(int channel) {
  Message message;
  const ssize_t size = ::recvmsg(channel, &message.header, MSG_CMSG_CLOEXEC);
  if (size < 0) return -1;
  const cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  if (rights == nullptr || (message.header.msg_flags & MSG_CTRUNC) != 0) {
    errno = size == 0 ? EAGAIN : EMFILE;
    return -1;
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
  return fd;
}

}  // namespace zyphos
