#include "net/cpu.h"

#include <sched.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace zyphos {

void pin_thread(int cpu) { pin_thread(std::span(&cpu, 1)); }

void pin_thread(std::span<const int> cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string names;
  bool valid = true;
  for (const int cpu : cpus) {
    names += ' ' + std::to_string(cpu);
    valid = valid && cpu >= 0 && cpu < CPU_SETSIZE;
    if (valid) CPU_SET(cpu, &set);
  }
  if (!valid || sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::system_error(valid ? errno : EINVAL, std::generic_category(),
                            "cannot run on cpu" + names);
  }
}

}  // namespace zyphos
