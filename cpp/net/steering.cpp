#include "net/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace zyphos {
namespace {

// Returns what the kernel knows by this number (linux/filter.h, SKF_AD_...), mod `count`.
void steer(int listener, int by, unsigned count) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + by)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
      BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog program{.len = sizeof code / sizeof code[0], .filter = code};
  if (::setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0) {
    throw std::system_error(errno, std::generic_category(), "SO_ATTACH_REUSEPORT_CBPF");
  }
}

}  // namespace

void steer_by_cpu(int listener, unsigned count) { steer(listener, SKF_AD_CPU, count); }

void steer_at_random(int listener, unsigned count) { steer(listener, SKF_AD_RANDOM, count); }

}  // namespace zyphos
