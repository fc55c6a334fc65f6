#include "app/web/root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace zyphos::web {
namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int kTries_max = 64;

int open_beneath(int folder, const char* path) {
  open_how how{};
  how.flags = kFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int tries = 0; tries < kTries_max; ++tries) {
    // EAGAIN: something was renamed meanwhile, and whether the path stays beneath is not known.
    fd = static_cast<int>(::syscall(SYS_openat2, folder, path, &how, sizeof how));
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) break;
  }
  return fd;
}

}  // namespace

Root::Root(const std::string& folder, bool walk)
    : fd_(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), walks_(walk) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "root=" + folder);
  const int probe = open_beneath(fd_, ".");
  // A container's filter may answer EPERM for a system call that it does not know.
  if (probe < 0 && (errno == ENOSYS || errno == EPERM)) walks_ = true;
  if (probe >= 0) ::close(probe);
}

Root::~Root() { ::close(fd_); }

int Root::open(const char* path) const {
  if (*path == '\0') path = ".";
  return walks_ ? walk(path) : open_beneath(fd_, path);
}

int Root::walk(const char* path) const {
  int at = fd_;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string name(rest.substr(0, rest.find('/')));
    const bool last = name.size() == rest.size();
    rest.remove_prefix(last ? name.size() : name.size() + 1);
    const int flags = last ? kFlags : O_PATH | O_DIRECTORY | O_CLOEXEC;
    const int next = name == ".." ? -1 : ::openat(at, name.c_str(), flags | O_NOFOLLOW);
    const int error = name == ".." ? EXDEV : errno;
    if (at != fd_) ::close(at);
    errno = error;
    if (next < 0) return -1;
    at = next;
  }
  return at;
}

}  // namespace zyphos::web
