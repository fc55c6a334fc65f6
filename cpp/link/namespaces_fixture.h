// For tests: two network namespaces of this process with an emulator between them, and sockets in
// either. Nothing has a name, so nothing is left behind, however the test ends.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "link/emulator.h"
#include "net/clock.h"
#include "net/cpu.h"
#include "net/fd.h"

namespace zyphos::link {

inline void throw_if(bool failed, const char* what) {
  if (failed) throw std::system_error(errno, std::generic_category(), what);
}

class Namespace {
 public:
  Namespace() {
    on_thread([this] {
      throw_if(unshare(CLONE_NEWNET) != 0, "unshare(CLONE_NEWNET)");
      fd_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      throw_if(!fd_, "open the namespace");
    });
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  // Calls `work` on a thread that is in the namespace.
  void inside(const std::function<void()>& work) const {
    on_thread([&] {
      throw_if(setns(fd_.get(), CLONE_NEWNET) != 0, "setns");
      work();
    });
  }
  Fd socket(int family, int type, int protocol = 0) const {
    Fd fd;
    inside([&] {
      fd = Fd(::socket(family, type | SOCK_CLOEXEC, protocol));
      throw_if(!fd, "socket");
    });
    return fd;
  }

 private:
  static void on_thread(const std::function<void()>& work) {
    std::exception_ptr thrown;
    std::thread([&] {
      try {
        work();
      } catch (...) {
        thrown = std::current_exception();
      }
    }).join();
    if (thrown) std::rethrow_exception(thrown);
  }

  Fd fd_;
};

inline sockaddr_in address_of(const char* text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

inline void bring_up(const Namespace& where, const std::string& name, const char* address) {
  const Fd socket = where.socket(AF_INET, SOCK_DGRAM);
  const auto set = [&](unsigned long what, const char* text, const char* said) {
    ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    const sockaddr_in value = address_of(text, 0);
    std::memcpy(&request.ifr_addr, &value, sizeof value);
    throw_if(ioctl(socket.get(), what, &request) != 0, said);
  };
  set(SIOCSIFADDR, address, "SIOCSIFADDR");
  set(SIOCSIFNETMASK, "255.255.255.0", "SIOCSIFNETMASK");
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  throw_if(ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0, "SIOCGIFFLAGS");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  throw_if(ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0, "SIOCSIFFLAGS");
}

// Why there can be no such test here, or nothing.
inline std::optional<std::string> cannot_test() {
  try {
    const Namespace one;
    const Tun tun({.netns = one.path(), .name = "zy-try"});
    return {};
  } catch (const std::system_error& error) {
    return error.what();
  }
}

constexpr const char* kLeft = "10.9.0.1";
constexpr const char* kRight = "10.9.0.2";

// An emulator that runs on a thread of its own until stop().
class LinkRig {
 public:
  // `cpu`: where it runs; below 0: anywhere.
  explicit LinkRig(const EmulatorOptions& options, int cpu = -1)
      : left_tun_({.netns = left.path(), .name = "zy-left"}),
        right_tun_({.netns = right.path(), .name = "zy-right"}),
        emulator_(options, left_tun_, right_tun_, board_),
        stop_(eventfd(0, EFD_CLOEXEC)) {
    bring_up(left, left_tun_.name(), kLeft);
    bring_up(right, right_tun_.name(), kRight);
    thread_ = std::thread([this, cpu] {
      if (cpu >= 0) pin_thread(cpu);
      emulator_.run({stop_.get(), -1});
      cpu_ns_ = thread_cpu_ns();
    });
  }
  ~LinkRig() { stop(); }
  LinkRig(const LinkRig&) = delete;
  LinkRig& operator=(const LinkRig&) = delete;

  LinkBoard::Snapshot stop() {
    if (thread_.joinable()) {
      eventfd_write(stop_.get(), 1);
      thread_.join();
    }
    return board_.snapshot();
  }
  LinkBoard::Snapshot snapshot() const { return board_.snapshot(); }
  // Of the emulator's thread; after stop().
  std::int64_t cpu_ns() const { return cpu_ns_; }

  Namespace left;
  Namespace right;

 private:
  LinkBoard board_;
  Tun left_tun_;
  Tun right_tun_;
  Emulator emulator_;
  Fd stop_;
  std::int64_t cpu_ns_ = 0;
  std::thread thread_;
};

inline std::uint64_t value_of(const LinkBoard::Snapshot& snapshot, Direction direction,
                              LinkCounter counter) {
  return snapshot.counters.values[LinkCounters::position(direction, counter)];
}

}  // namespace zyphos::link
