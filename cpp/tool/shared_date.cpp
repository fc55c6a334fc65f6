#include "tool/shared_date.h"

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <system_error>

namespace zyphos {
namespace {

void* map_shared() {
  void* memory =
      ::mmap(nullptr, sizeof(HttpDate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "memory for the date");
  }
  return memory;
}

}  // namespace

SharedDate::SharedDate() : date_(::new(map_shared()) HttpDate) {}

SharedDate::~SharedDate() { ::munmap(date_, sizeof(HttpDate)); }

}  // namespace zyphos
