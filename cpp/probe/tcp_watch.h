// Tells a program of tcp_sockets.bpf.h which connections it is to look at. Knows no skeleton: the
// program's variables are the caller's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <stdexcept>

namespace zyphos {

// Nothing is watched from here on until watch_port(). `namespaces`: inode numbers of
// /proc/PID/ns/net; std::invalid_argument where there are more than the program has room for.
template <typename Variables>
void watch_namespaces(Variables& shared, std::span<const std::uint32_t> namespaces) {
  if (namespaces.size() > std::size(shared.namespaces))
    throw std::invalid_argument("too many namespaces");
  shared.port = 0;
  std::ranges::fill(shared.namespaces, 0U);
  std::ranges::copy(namespaces, shared.namespaces);
}

// Whatever was written before is seen by a program that sees the port.
template <typename Variables>
void watch_port(Variables& shared, std::uint16_t port) {
  __atomic_store_n(&shared.port, port, __ATOMIC_RELEASE);
}

}  // namespace zyphos
