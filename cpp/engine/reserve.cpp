#include "engine/reserve.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace zyphos {
namespace {

Fd any_descriptor() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// The listener of a ring blocks: accept is called only where somebody waits.
bool somebody_waits(int listener) {
  pollfd one{.fd = listener, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}

}  // namespace

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

Reserve::Reserve(bool wanted) : wanted_(wanted) {
  if (wanted_) held_ = any_descriptor();
}

void Reserve::refuse_waiting(int listener, Counters& counters) {
  if (!wanted_) return;
  held_.reset();
  while (somebody_waits(listener)) {
    const Fd peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer) break;
    counters.add(Counter::accepted);
    counters.add(Counter::closed);
  }
  held_ = any_descriptor();
}

}  // namespace zyphos
