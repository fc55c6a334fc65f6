#include "tool/mapped_board.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace zyphos {

SharedMemory::SharedMemory(int fd, std::size_t bytes) : bytes_(bytes) {
  if (fd < 0) return;
  const std::string what = "cannot map board_fd " + std::to_string(fd);
  struct stat status{};
  if (fstat(fd, &status) != 0) throw std::system_error(errno, std::generic_category(), what);
  if (static_cast<std::size_t>(status.st_size) < bytes) {
    throw std::runtime_error(what + ": " + std::to_string(status.st_size) + " bytes, " +
                             std::to_string(bytes) + " are needed");
  }
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), what);
  memory_ = memory;
}

SharedMemory::~SharedMemory() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

}  // namespace zyphos
