#include "engine/poller.h"

#include <cerrno>
#include <system_error>

namespace zyphos {

int waited(int result, const char* call, Counters& counters) {
  if (result >= 0) return result;
  if (errno != EINTR) throw std::system_error(errno, std::generic_category(), call);
  counters.add(Counter::interrupted);
  return 0;
}

}  // namespace zyphos
