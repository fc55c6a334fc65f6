#include "link/tun.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <system_error>

namespace zyphos::link {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

std::string cure_of_setns(int error) {
  if (error == EPERM) return " (needs CAP_SYS_ADMIN: run it as root)";
  if (error == EINVAL) return " (it is no network namespace: ip netns add)";
  return "";
}

// The calling thread is in the namespace while this lives.
class Entered {
 public:
  explicit Entered(const std::string& path) {
    if (path.empty()) return;
    back_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!back_) fail(errno, "cannot open this thread's own network namespace");
    const Fd there(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!there) fail(errno, "cannot open the network namespace " + path);
    if (setns(there.get(), CLONE_NEWNET) != 0) {
      const int error = errno;
      fail(error, "cannot enter the network namespace " + path + cure_of_setns(error));
    }
  }
  ~Entered() {
    if (back_) setns(back_.get(), CLONE_NEWNET);
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  Fd back_;
};

Fd open_device() {
  Fd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (fd) return fd;
  const int error = errno;
  const bool missing = error == ENOENT || error == ENXIO || error == ENODEV;
  fail(error, std::string("cannot open /dev/net/tun") +
                  (missing ? " (modprobe tun; mkdir -p /dev/net; mknod /dev/net/tun c 10 200)"
                           : " (needs read and write access: run it as root)"));
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  return request;
}

std::string make_interface(int fd, const std::string& name) {
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL;
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    const int error = errno;
    std::string cure;
    if (error == EPERM) cure = " (needs CAP_NET_ADMIN: run it as root)";
    if (error == EBUSY) cure = " (there is one of that name: ip link del " + name + ")";
    fail(error, "cannot make the interface " + name + cure);
  }
  return request.ifr_name;
}

void set(int socket, unsigned long what, const ifreq& request, const std::string& said) {
  if (ioctl(socket, what, &request) != 0) {
    fail(errno, "cannot set " + said + " of the interface " + request.ifr_name);
  }
}

void set_sizes(const TunOptions& options, const std::string& name) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) fail(errno, "cannot open a socket for the interface " + name);
  ifreq request = request_for(name);
  request.ifr_mtu = options.mtu;
  set(socket.get(), SIOCSIFMTU, request, "the MTU " + std::to_string(options.mtu));
  request = request_for(name);
  request.ifr_qlen = options.tx_queue_packets;
  set(socket.get(), SIOCSIFTXQLEN, request, "the transmit queue");
}

// No link-local address, hence no router solicitations and no multicast reports: they would take
// numbers and draws of the laws. Where there is no IPv6 there is nothing to switch off.
void keep_quiet(const std::string& name) {
  const std::string path = "/proc/sys/net/ipv6/conf/" + name + "/addr_gen_mode";
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), "1\n", 2) != 2) fail(errno, "cannot write " + path);
}

}  // namespace

Tun::Tun(const TunOptions& options) {
  const Entered entered(options.netns);
  fd_ = open_device();
  name_ = make_interface(fd_.get(), options.name);
  set_sizes(options, name_);
  keep_quiet(name_);
}

long Tun::read(Bytes into) const {
  for (;;) {
    const ssize_t got = ::read(fd_.get(), into.data(), into.size());
    if (got >= 0) return got;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return -1;
  }
}

bool Tun::write(ConstBytes packet) const {
  for (;;) {
    if (::write(fd_.get(), packet.data(), packet.size()) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

}  // namespace zyphos::link
