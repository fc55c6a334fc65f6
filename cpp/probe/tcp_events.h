// TCP events on one port, counted and sampled in the kernel by tcp_events.bpf.c. Loaded once per
// run; a trial only says which port, in which network namespaces.
//
// Knows no windows: the caller subtracts two readings of counter(). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "probe/histogram.bpf.h"
#include "probe/role_counter.h"
#include "probe/tcp_events.bpf.h"

namespace zyphos {

class TcpEvents {
 public:
  // The reason where this machine has no such probe. Some 20 ms. Needs CAP_BPF and CAP_PERFMON (or
  // root), BTF, the initial PID namespace, Linux 6.10.
  static std::expected<std::unique_ptr<TcpEvents>, std::string> load();
  virtual ~TcpEvents() = default;

  // Watches this port from now on (0: none), in the namespaces of these inode numbers (of
  // /proc/PID/ns/net; at most eight, std::invalid_argument where there are more). What is sampled
  // starts anew.
  virtual void watch(std::uint16_t port, std::span<const std::uint32_t> namespaces,
                     std::int64_t sample_interval_ns) = 0;
  // The numbers of tcp_events.bpf.h, by name. Valid as long as this.
  virtual RoleCounter& counter() = 0;
  // What has been sampled since the last call, by time but for moments.
  virtual std::vector<tcp_sample> take_samples() = 0;
};

// Names of a kernel's enum by value, from its BTF ("skb_drop_reason"); empty where it has none.
std::map<std::uint32_t, std::string> kernel_enum(const std::string& name);

}  // namespace zyphos
