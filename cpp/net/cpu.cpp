#include "net/cpu.h"

#include <sched.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace zyphos {

void pin_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool valid = cpu >= 0 && cpu < CPU_SETSIZE;
  if (valid) CPU_SET(cpu, &set);
  if (!valid || sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::system_error(valid ? errno : EINVAL, std::generic_category(),
                            "cannot run on cpu " + std::to_string(cpu));
  }
}

}  // namespace zyphos
