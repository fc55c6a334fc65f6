// Changes of state of the TCP sockets on one port, told one by one by tcp_states.bpf.c.
//
// Knows no packets. Not thread-safe.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "probe/tcp_states.bpf.h"

namespace zyphos {

class TcpStates {
 public:
  // The reason where this machine has no such probe. Some 5 ms. Needs CAP_BPF and CAP_PERFMON (or
  // root), BTF, Linux 5.12.
  static std::expected<std::unique_ptr<TcpStates>, std::string> load();
  virtual ~TcpStates() = default;

  // Watches this port from now on (0: none), in the namespaces of these inode numbers (of
  // /proc/PID/ns/net; at most eight, std::invalid_argument where there are more).
  virtual void watch(std::uint16_t port, std::span<const std::uint32_t> namespaces) = 0;
  // What has changed since the last call, by time but for moments.
  virtual std::vector<tcp_state_change> take() = 0;
  // Changes since loading for which there was no room: take more often.
  virtual std::uint64_t lost() const = 0;
};

}  // namespace zyphos
