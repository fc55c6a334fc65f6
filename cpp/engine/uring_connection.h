// A connection of the completion loop, what of its sends the kernel may still read, and how a
// completion names what it belongs to.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/loop.h"
#include "memory/recycled.h"

namespace zyphos {

// What a completion belongs to: in the low bits of its user data, above them the connection (or the
// Cargo; 0: the loop itself).
enum class Op : std::uint64_t { none, accept, mailbox, receive, send, connect, flight, part };
constexpr std::uint64_t kOpMask = 7;  // below the alignment of what the allocator gives

struct Cargo;

// What a connection sends; it has one only while it does.
struct Sending {
  explicit Sending(BlockPool& pool) : flying(pool) {}

  Outbox flying;              // in flight, while the slot's own is filling
  std::size_t given = 0;      // bytes of the send in flight
  std::size_t gone = 0;       // of `flying`, bytes before it that the kernel has and may still read
  std::uint32_t parts = 0;    // of the send in flight, entries of its own that have not completed
  std::size_t taken = 0;      // of them, bytes that the kernel has
  int failure = 0;            // of them, the first that is fatal
  Cargo* cargo = nullptr;     // whose flights those are
  std::uint32_t flights = 0;  // zero-copy sends that the kernel may still read
  Sending* next = nullptr;    // of those that wait for a connection
};

// A connection is not freed before its last operation has completed, so its address can name it.
struct UringConnection final : LoopConnection, Recycled<UringConnection> {
  using LoopConnection::LoopConnection;

  // No operation holds its socket.
  bool quiet() const { return !receiving && !sending && !connecting; }

  // Does the kernel still read what it has sent?
  bool in_flight() const { return sends != nullptr && sends->flights > 0; }

  Sending* sends = nullptr;
  bool receiving = false;  // a receive is armed
  bool stopping = false;   // and is being cancelled
  bool sending = false;
  bool landing = false;     // the rest of what flies waits for these
  bool fin_linked = false;  // the FIN follows the send in flight
  bool connecting = false;
  bool corked = false;
  bool ending = false;  // dropped: gone when nothing is under way
};

// What zero-copy sends have taken, from the first one's entry to the kernel's word, for each of
// them, that it reads the bytes no more.
struct alignas(16) Cargo final : Recycled<Cargo> {
  Cargo(UringConnection& of, BlockPool& pool) : connection(of), box(pool) {}

  UringConnection& connection;
  Outbox box;  // once all is gone; until then it is the connection's `flying`
  std::uint32_t flights = 0;
};

inline std::uint64_t tagged(Op op, const void* owner = nullptr) {
  return reinterpret_cast<std::uintptr_t>(owner) | static_cast<std::uint64_t>(op);
}

// After other failures the socket is still good.
bool fatal(int result);
Errc loss(int result);

}  // namespace zyphos
